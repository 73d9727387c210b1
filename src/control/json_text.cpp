#include "sluice/control/json_text.hpp"

#include "sluice/base/utf8.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace json = boost::json;

void append(std::string& out, const json::value& value);

std::string number(double value) {
  if (!std::isfinite(value)) return "null";  // JSON has no word for it
  std::string out = fmt::format("{:.3f}", value);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

// JSON is UTF-8 (RFC 8259 §8.1); what is not, such as the name of a file, loses the bytes that are none.
std::string text(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const std::size_t length = utf8_length(value);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : value.substr(0, length);
    value.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return json::serialize(json::string(out));
}

void append(std::string& out, const json::object& object) {
  char before = '{';
  for (const auto& [key, value] : object) {
    out += std::exchange(before, ',');
    out += text({key.data(), key.size()});
    out += ':';
    append(out, value);
  }
  out += object.empty() ? "{}" : "}";
}

void append(std::string& out, const json::array& array) {
  char before = '[';
  for (const json::value& value : array) {
    out += std::exchange(before, ',');
    append(out, value);
  }
  out += array.empty() ? "[]" : "]";
}

void append(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::object: return append(out, value.get_object());
    case json::kind::array: return append(out, value.get_array());
    case json::kind::string: out += text({value.get_string().data(), value.get_string().size()}); break;
    case json::kind::double_: out += number(value.get_double()); break;
    default: out += json::serialize(value); break;
  }
}

}  // namespace

std::string json_text(const json::value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace sluice::control
