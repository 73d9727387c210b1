// Octets as the RFCs print them.
#pragma once

#include "sluice/base/text.hpp"

#include <cstdio>
#include <string>
#include <string_view>

namespace sluice::test {

inline std::string octets(std::string_view hex) {
  std::string out;
  int high = -1;
  for (const char c : hex) {
    const int digit = hex_value(c);
    if (digit < 0) continue;  // white space
    if (high >= 0) out += static_cast<char>(high * 16 + digit);
    high = high >= 0 ? -1 : digit;
  }
  return out;
}

inline std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", static_cast<unsigned char>(c));
    out += text;
  }
  return out;
}

}  // namespace sluice::test
