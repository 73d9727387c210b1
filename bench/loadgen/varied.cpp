#include "loadgen/varied.hpp"

#include "origin/toolkit/http_text.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

void append_number(std::uint32_t number, std::string& out) {
  std::array<char, 10> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

Varied::Varied(std::string_view field, std::uint32_t count) : count_(count) {
  constexpr std::string_view number = "{n}";
  constexpr std::string_view address = "{ip}";
  const auto split = toolkit::split_field(field);
  if (!split) throw toolkit::UsageError(fmt::format("--vary: \"{}\" is not 'Name: value'", field));
  const std::string_view value = split->value;
  address_ = value.find(address) != std::string_view::npos;
  const std::string_view place = address_ ? address : number;
  const auto at = value.find(place);
  if (at == std::string_view::npos) throw toolkit::UsageError("--vary must contain {n} or {ip}");
  before_ = value.substr(0, at);
  behind_ = value.substr(at + place.size());
  small_name_ = split->name;
  start_ = small_name_ + ": ";
  std::transform(small_name_.begin(), small_name_.end(), small_name_.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
}

void Varied::append_value(std::uint64_t index, std::string& out) const {
  const auto number = static_cast<std::uint32_t>(index % count_);
  out += before_;
  if (address_) {
    out += "10.";
    append_number(number >> 16 & 0xff, out);
    out += '.';
    append_number(number >> 8 & 0xff, out);
    out += '.';
    append_number(number & 0xff, out);
  } else {
    append_number(number + 1, out);
  }
  out += behind_;
}

}  // namespace sluice::bench
