#include "sluice/control/reason.hpp"

#include "sluice/base/utf8.hpp"

#include <fmt/format.h>

namespace sluice::control {

std::string unfit_reason(std::string_view reason) {
  if (reason.size() > kLongestReason)
    return fmt::format("a reason has {} bytes at most, this one {}", kLongestReason, reason.size());
  for (std::string_view rest = reason; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    const auto first = static_cast<unsigned char>(rest.front());
    if (length == 0 || first < ' ' || first == 0x7f) return "a reason is one line of text, in UTF-8";
    rest.remove_prefix(length);
  }
  return {};
}

}  // namespace sluice::control
