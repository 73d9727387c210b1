#include "upstream/health/expectation.hpp"

#include <algorithm>
#include <re2/re2.h>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::upstream {
namespace {

namespace json = boost::json;

// Of what a server sent, in a reason.
constexpr std::size_t kMostQuoted = 60;
constexpr std::size_t kMostDepth = 32;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMostQuoted))
    out += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return out + (text.size() > kMostQuoted ? "...\"" : "\"");
}

std::string text_of(const json::value& value) {
  if (value.is_string()) return quoted({value.get_string().data(), value.get_string().size()});
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
}

json::value wanted(const JsonExpectation& expectation, std::string_view tenant) {
  struct Make {
    std::string_view tenant;
    json::value operator()(std::nullptr_t) const { return nullptr; }
    json::value operator()(bool value) const { return value; }
    json::value operator()(double value) const { return value; }
    json::value operator()(const std::string& value) const {
      return json::string(with_tenant(value, tenant));
    }
  };
  return std::visit(Make{tenant}, expectation.value);
}

// JSON knows one kind of number, whatever Boost.JSON made of its text.
bool equal(const json::value& found, const json::value& expected) {
  if (!expected.is_double() || !found.is_number()) return found == expected;
  return found.to_number<double>() == expected.get_double();
}

const json::value* find(const json::value& root, const std::vector<std::string>& path) {
  const json::value* at = &root;
  for (const std::string& key : path) {
    const json::object* object = at->if_object();
    at = object != nullptr ? object->if_contains(key) : nullptr;
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string listed(const std::vector<StatusRange>& ranges) {
  std::string out;
  for (const StatusRange& range : ranges) {
    if (!out.empty()) out += ", ";
    out +=
        range.low == range.high ? fmt::format("{}", range.low) : fmt::format("{}-{}", range.low, range.high);
  }
  return out;
}

}  // namespace

std::string with_tenant(std::string_view text, std::string_view tenant) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(kTenantPlaceholder);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += tenant;
    text.remove_prefix(at + kTenantPlaceholder.size());
  }
}

Expectation::Expectation(const Expect& expect) : expect_(expect) {
  if (expect.body_regex) pattern_ = std::make_unique<re2::RE2>(*expect.body_regex, re2::RE2::Quiet);
}

Expectation::~Expectation() = default;

std::string Expectation::judge(std::uint16_t status, std::string_view body, bool whole,
                               std::string_view tenant) const {
  const auto& ranges = expect_.status;
  if (std::none_of(ranges.begin(), ranges.end(),
                   [&](const StatusRange& range) { return status >= range.low && status <= range.high; })) {
    return fmt::format("status {}, expected {}", status, listed(expect_.status));
  }
  if (expect_.body && body.find(with_tenant(*expect_.body, tenant)) == std::string_view::npos) {
    return "the body does not contain " + quoted(with_tenant(*expect_.body, tenant));
  }
  if (pattern_ != nullptr && !re2::RE2::PartialMatch({body.data(), body.size()}, *pattern_)) {
    return "the body does not match " + quoted(*expect_.body_regex);
  }
  return expect_.json.empty() ? std::string() : judge_json(body, whole, tenant);
}

std::string Expectation::judge_json(std::string_view body, bool whole, std::string_view tenant) const {
  if (!whole) return fmt::format("the body is longer than {} bytes", kMaxCheckedBody);
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kMostDepth;
  const json::value root = json::parse({body.data(), body.size()}, error, {}, options);
  if (error) return "the body is not JSON";
  for (const JsonExpectation& expectation : expect_.json) {
    const json::value expected = wanted(expectation, tenant);
    const json::value* const found = find(root, expectation.path);
    if (found != nullptr && equal(*found, expected)) continue;
    return fmt::format("JSON: {} is {}, expected {}", fmt::join(expectation.path, "."),
                       found != nullptr ? text_of(*found) : "not there", text_of(expected));
  }
  return {};
}

}  // namespace sluice::upstream
