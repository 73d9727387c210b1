#include "sluice/http/cdn_loop.hpp"

#include "sluice/base/hash.hpp"
#include "sluice/base/hex.hpp"
#include "sluice/base/text.hpp"

#include <algorithm>
#include <random>

namespace sluice::http {
namespace {

constexpr std::size_t kMostParts = 4 * kMostElements;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool ends_part(char c) { return is_blank(c) || c == ',' || c == ';' || c == '"'; }

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
}

std::string_view take_part(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && !ends_part(text[size]))
    ++size;
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(size);
  return part;
}

// `text` begins with a quotation mark. False: there is no second one.
bool take_quoted(std::string_view& text, std::string_view& inside) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      inside = text.substr(1, at - 1);
      text.remove_prefix(at + 1);
      return true;
    }
  }
  return false;
}

// What the fields say so far.
struct Passed {
  std::size_t all = 0;
  std::size_t ours = 0;  // proxies of our name
};

Rule look_at(std::string_view value, std::string_view cdn_id, std::string_view node, Passed& passed) {
  CdnLoopParser parser(value);
  CdnInfo info;
  CdnLoopParser::Step step = CdnLoopParser::Step::info;
  while ((step = parser.next(info)) == CdnLoopParser::Step::info) {
    if (++passed.all > kMostElements) return Rule::loop;
    if (!iequals(info.id, cdn_id)) continue;
    if (info.node == node || ++passed.ours == kMostPasses) return Rule::loop;
  }
  return step == CdnLoopParser::Step::malformed ? Rule::bad_cdn_loop : Rule::none;
}

}  // namespace

CdnLoopParser::Step CdnLoopParser::next(CdnInfo& out) {
  for (skip_blanks(left_); !left_.empty() && left_.front() == ','; skip_blanks(left_)) {
    if (++parts_ > kMostParts) return Step::malformed;
    left_.remove_prefix(1);
  }
  if (left_.empty()) return Step::end;
  out = {take_part(left_), {}};
  if (out.id.empty()) return Step::malformed;
  for (;;) {
    skip_blanks(left_);
    if (left_.empty() || left_.front() == ',') return Step::info;
    if (left_.front() != ';' || ++parts_ > kMostParts) return Step::malformed;
    left_.remove_prefix(1);
    skip_blanks(left_);
    if (!take_parameter(out)) return Step::malformed;
  }
}

// A quotation mark that is never closed would swallow what the proxies after it add.
bool CdnLoopParser::take_parameter(CdnInfo& out) {
  const std::string_view part = take_part(left_);
  const std::size_t equals = std::min(part.find('='), part.size());
  std::string_view value = part.substr(std::min(equals + 1, part.size()));
  if (!left_.empty() && left_.front() == '"') {
    if (!part.ends_with('=') || !take_quoted(left_, value)) return false;
  }
  if (iequals(part.substr(0, equals), "n")) out.node = value;
  return true;
}

Error check_loop(const Exchange& exchange, std::string_view cdn_id) {
  const Fields& fields = exchange.request.fields;
  if (!fields.has(FieldId::cdn_loop) || cdn_id.empty()) return {};
  const Hex node(loop_node(exchange));
  Passed passed;
  for (const Field& field : fields.all()) {
    if (field.id != FieldId::cdn_loop) continue;
    const Rule rule = look_at(field.value, cdn_id, node.view(), passed);
    if (rule != Rule::none) return broken(rule, Side::downstream);
  }
  return {};
}

std::uint64_t loop_node(const Exchange& exchange) {
  static const std::uint64_t key = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  return mix64(hash64(exchange.request.host) ^ mix64(key + exchange.origin.listener));
}

}  // namespace sluice::http
