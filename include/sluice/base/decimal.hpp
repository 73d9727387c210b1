// A number as the text that goes on a wire or into a log: no allocation, no locale.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

class Decimal {
 public:
  explicit Decimal(std::uint64_t value)
      : size_(static_cast<std::size_t>(std::to_chars(digits_, digits_ + sizeof digits_, value).ptr -
                                       digits_)) {}
  // As long as this lives.
  std::string_view view() const { return {digits_, size_}; }

 private:
  char digits_[20];  // 2^64 - 1
  std::size_t size_;
};

}  // namespace sluice
