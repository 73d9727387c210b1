// Hashes that are the same in every process of a fleet, so that all of them choose alike. They have no
// secret: whoever chooses the input can choose the output.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// XXH3 (64 bits): about a nanosecond for a short text.
std::uint64_t hash64(std::string_view text);

// A bijection that spreads every bit of `x` over all of them: the finalizer of SplitMix64 (Steele, Lea,
// Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
  return x ^ (x >> 31);
}

// SplitMix64: random enough for choices, and nothing to guess secrets with. A word of state.
class FastRandom {
 public:
  explicit FastRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return mix64(state_ += 0x9e37'79b9'7f4a'7c15); }

 private:
  std::uint64_t state_;
};

}  // namespace sluice
