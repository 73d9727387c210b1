// A cookie is what stands in the field, cut where RFC 6265bis cuts it. The first line is the name, the others
// are Cookie fields.
#include "sluice/base/text.hpp"
#include "sluice/http/cookie.hpp"

#include "invariants.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::fuzz;

namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == at) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

// The same, slowly.
std::optional<std::string> expected(const std::string& field, const std::string& name) {
  for (const std::string& pair : split(field, ';')) {
    std::vector<std::string> parts = split(pair, '=');
    if (parts.size() < 2 || name.empty() || trim_ows(parts[0]) != name) continue;
    std::string value(trim_ows(std::string_view(pair).substr(parts[0].size() + 1)));
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return value;
    return value.substr(1, value.size() - 2);
  }
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> lines = split(text_of(data, size), '\n');
  const Exact name(lines.front());
  Arena arena;
  http::Fields fields;
  std::vector<Exact> values;
  std::optional<std::string> wanted;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    values.emplace_back(trim_ows(lines[i]));
    fields.add(arena, "cookie", values.back().view(), http::FieldId::cookie);
    if (!wanted) wanted = expected(lines[i], lines.front());
  }
  const auto found = http::find_cookie(fields, name.view());
  must(found.has_value() == wanted.has_value());
  if (!found) return 0;
  must(*found == *wanted);
  must(found->find(';') == std::string_view::npos);
  // A view into a field, not a copy.
  must(found->empty() || std::any_of(values.begin(), values.end(), [&](const Exact& value) {
         const std::string_view text = value.view();
         return found->data() >= text.data() && found->data() + found->size() <= text.data() + text.size();
       }));
  return 0;
}
