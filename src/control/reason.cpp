#include "sluice/control/reason.hpp"

#include "sluice/base/utf8.hpp"

#include <fmt/format.h>

namespace sluice::control {
namespace {

// What is no text but steers a terminal: controls, ends of lines, and what turns the direction of writing.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(character[at]); };
  if (character.size() == 1) return byte(0) < ' ' || byte(0) == 0x7f;
  if (character.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (character.size() != 3 || byte(0) != 0xe2) return false;
  return (byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

}  // namespace

std::string unfit_reason(std::string_view reason) {
  if (reason.size() > kLongestReason)
    return fmt::format("a reason has {} bytes at most, this one {}", kLongestReason, reason.size());
  for (std::string_view rest = reason; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0 || is_control(rest.substr(0, length))) return "a reason is one line of text, in UTF-8";
    rest.remove_prefix(length);
  }
  if (!reason.empty() && reason.find_first_not_of(' ') == std::string_view::npos)
    return "the reason is blank";
  return {};
}

}  // namespace sluice::control
