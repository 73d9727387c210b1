// Sixty-four bits as hexadecimal digits: all at once, by arithmetic on words.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

class Hex {
 public:
  explicit Hex(std::uint64_t bits) {
    const std::uint64_t words[] = {eight(static_cast<std::uint32_t>(bits >> 32)),
                                   eight(static_cast<std::uint32_t>(bits))};
    std::memcpy(digits_, words, sizeof digits_);
  }
  // Sixteen digits, small letters; as long as this lives.
  std::string_view view() const { return {digits_, sizeof digits_}; }

 private:
  // One digit in each byte.
  static std::uint64_t eight(std::uint32_t bits) {
    constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
    std::uint64_t nibbles = bits;
    nibbles = (nibbles | nibbles << 16) & 0x0000'ffff'0000'ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff'00ff'00ff'00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f'0f0f'0f0f'0f0f;
    const std::uint64_t letters = (nibbles + 6 * kOnes) >> 4 & kOnes;  // one where the digit is a letter
    return nibbles + '0' * kOnes + ('a' - '0' - 10) * letters;
  }

  char digits_[16];
};

}  // namespace sluice
