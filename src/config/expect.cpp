// What a health check's response must be.
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <re2/re2.h>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::uint64_t kLeastStatus = 100;
constexpr std::uint64_t kMostStatus = 599;
constexpr std::size_t kExactDigits = 15;  // what a double tells apart

// RE2 bounds the memory of what it compiles; this bounds the time.
constexpr std::size_t kLongestPattern = 4096;

Parsed<StatusRange> parse_status(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto low = parse_whole(text.substr(0, dash));
  const auto high = dash == std::string_view::npos ? low : parse_whole(text.substr(dash + 1));
  if (!low || !high) {
    return failed<StatusRange>(fmt::format(
        "{} is not a status; write one such as 200, or a range such as \"200-299\"", quoted(text)));
  }
  if (low.value < kLeastStatus || high.value > kMostStatus || low.value > kMostStatus) {
    return failed<StatusRange>(
        fmt::format("{} is out of range: {}..{}", quoted(text), kLeastStatus, kMostStatus));
  }
  if (low.value > high.value) {
    return failed<StatusRange>(fmt::format("{} ends before it begins; did you mean \"{}-{}\"?", quoted(text),
                                           high.value, low.value));
  }
  return {{static_cast<std::uint16_t>(low.value), static_cast<std::uint16_t>(high.value)}, {}};
}

void read_one_status(const Cursor& at, std::vector<StatusRange>& out) {
  const auto word = read_text(at, "a status or a range");
  if (!word) return;
  Parsed<StatusRange> range = parse_status(*word);
  if (range) {
    out.push_back(range.value);
  } else {
    at.error(std::move(range.error));
  }
}

void read_status(const Cursor& at, Expect& out) {
  out.status.clear();
  if (at.node().kind == Kind::scalar) {
    read_one_status(at, out.status);
  } else if (at.expect(Kind::list, "a status, a range or a list of them")) {
    read_list(at, [&](const Cursor& item) { read_one_status(item, out.status); });
    if (at.children().empty()) at.error("the list is empty; leave the key out instead");
  }
}

void read_body(const Cursor& at, Expect& out) {
  if (auto value = text(at)) out.body = {std::move(*value), at.at()};
}

Parsed<std::string> parse_pattern(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) {
    return failed<std::string>(fmt::format("{} is longer than {} bytes", quoted(pattern), kLongestPattern));
  }
  if (pattern.find(kTenantPlaceholder) != std::string_view::npos) {
    return failed<std::string>(
        "\"{tenant}\" is not replaced in a regular expression; use \"body\" or \"json\", or write "
        "\"[{]tenant}\" "
        "for the text itself");
  }
  const re2::RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), re2::RE2::Quiet);
  if (compiled.ok()) return {std::string(pattern), {}};
  return failed<std::string>(
      fmt::format("{} is not a regular expression: {}", quoted(pattern), quoted(compiled.error())));
}

void read_body_regex(const Cursor& at, Expect& out) {
  if (auto value = parsed<parse_pattern>(at)) out.body_regex = {std::move(*value), at.at()};
}

std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

// RFC 8259's number: what else looks like one in YAML (0x1f, 1_000, .5) is text.
bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::string_view whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (take_digits(text).empty()) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (take_digits(text).empty()) return false;
  }
  return text.empty();
}

std::optional<double> read_number(const Cursor& at, std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto digits = std::count_if(text.begin(), std::find_if(text.begin(), text.end(), is_alpha), is_digit);
  if (result.ec == std::errc() && static_cast<std::size_t>(digits) <= kExactDigits) return value;
  at.error(fmt::format("{} has more digits than can be compared; {} at most", quoted(text), kExactDigits));
  return std::nullopt;
}

using JsonValue = decltype(JsonExpectation::value);

std::optional<JsonValue> read_json_value(const Cursor& at) {
  const Node& node = at.node();
  if (node.kind == Kind::null) return JsonValue(nullptr);
  if (node.quoted && node.text.empty()) return JsonValue(std::string());
  auto word = read_text(at, "text, a number, true, false, null or a map");
  if (!word) return std::nullopt;
  if (node.quoted) return JsonValue(std::move(*word));
  if (*word == "true") return JsonValue(true);
  if (*word == "false") return JsonValue(false);
  if (!is_json_number(*word)) return JsonValue(std::move(*word));
  const auto number = read_number(at, *word);
  if (!number) return std::nullopt;
  return JsonValue(*number);
}

// The parts of "status.db" behind those that lead to it; false when one is empty.
bool append_parts(std::string_view key, std::vector<std::string>& path) {
  for (;;) {
    const std::size_t dot = key.find('.');
    path.emplace_back(key.substr(0, dot));
    if (path.back().empty()) return false;
    if (dot == std::string_view::npos) return true;
    key.remove_prefix(dot + 1);
  }
}

using Places = std::map<std::vector<std::string>, Position>;

void read_json_map(const Cursor& at, const std::vector<std::string>& path, Places& places, Expect& out) {
  if (at.children().empty()) at.error("the map is empty; name a value");
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    std::vector<std::string> below = path;
    if (!append_parts(item.key(), below)) {
      item.error_at_key(
          fmt::format("{} is no path of keys, such as status or database.status", quoted(item.key())));
    } else if (item.node().kind == Kind::map) {
      read_json_map(item, below, places, out);
    } else if (auto value = read_json_value(item)) {
      const auto [first, fresh] = places.emplace(below, item.key_at());
      if (fresh) {
        out.json.push_back({std::move(below), std::move(*value), item.at()});
      } else {
        item.error_at_key("this value is expected already, at " + at.context().where(first->second));
      }
    }
  }
}

void read_json(const Cursor& at, Expect& out) {
  if (!at.expect(Kind::map, "a map")) return;
  Places places;
  read_json_map(at, {}, places, out);
}

constexpr std::array kExpectKeys{
    Key<Expect>{
        {"status", "status, range or list of them", "200-399",
         "Status codes of a healthy server, such as `200`, `\"200-299\"` or `[200, 204, \"300-399\"]`; "
         "100 to 599. Redirects are not followed."},
        &read_status},
    Key<Expect>{{"body", "text", "none", "Text that the body contains; may hold `{tenant}`."}, &read_body},
    Key<Expect>{{"body_regex", "regular expression", "none",
                 "What is found somewhere in the body, in the syntax of RE2, up to 4096 bytes; single quotes "
                 "keep backslashes as they are."},
                &read_body_regex},
    Key<Expect>{
        {"json", "map", "none",
         "Values that the body holds as JSON: text, numbers, `true`, `false` or `null`, by their keys, "
         "as in `{ status: ok, database.connected: true }` or with maps inside each other. Numbers are "
         "compared as numbers, up to 15 digits; quotes make text of anything. Text may hold "
         "`{tenant}`."},
        &read_json}};

}  // namespace

constinit const Schema<Expect> kExpectSchema{
    {"pools.NAME.health.expect",
     "All that is written must hold. The first 64KiB of a body are read; what comes behind them is not seen, "
     "and JSON that is longer is not valid.",
     {},
     {},
     "status body"},
    kExpectKeys};

}  // namespace sluice::config
