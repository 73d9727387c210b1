#include "http2/huffman.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace sluice::http2 {
namespace {

constexpr unsigned kEos = 256;
constexpr unsigned kLongestCode = 30;

// The lengths of the codes. The code is canonical: codes of one length are consecutive, in the order of their
// symbols, and begin where the shorter ones end. So the lengths say it all.
constexpr std::uint8_t kLengths[kEos + 1] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,
    6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,
    6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23,
    22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22,
    23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22,
    25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

struct Code {
  std::uint32_t bits[kEos + 1]{};
  std::uint16_t symbols[kEos + 1]{};         // in the order of their codes
  std::uint16_t before[kLongestCode + 2]{};  // symbols with shorter codes
  std::uint32_t first[kLongestCode + 2]{};   // the first code of a length
  // The first 32 bits from which on codes are longer than this.
  std::uint64_t end[kLongestCode + 2]{};

  constexpr Code() {
    std::uint32_t next = 0;
    std::uint16_t count = 0;
    for (unsigned length = 1; length <= kLongestCode; ++length) {
      next <<= 1;
      first[length] = next;
      before[length] = count;
      for (unsigned symbol = 0; symbol <= kEos; ++symbol) {
        if (kLengths[symbol] != length) continue;
        bits[symbol] = next++;
        symbols[count++] = static_cast<std::uint16_t>(symbol);
      }
      end[length] = std::uint64_t{next} << (32 - length);
    }
  }
};
constexpr Code kCode;
static_assert(kCode.bits[kEos] == 0x3fffffff, "EOS is all ones");

// What the next kWindow bits begin with: two symbols, or one, or (empty) a part of a longer code.
constexpr unsigned kWindow = 11;
struct Pair {
  char symbols[2]{};
  std::uint8_t both = 0;   // bits of what is here; above them, in the topmost two, how many symbols
  std::uint8_t first = 0;  // bits of the first symbol

  constexpr unsigned bits() const { return both & 63U; }
  constexpr unsigned count() const { return both >> 6U; }
};

struct Pairs {
  std::array<Pair, 1U << kWindow> at{};

  constexpr void fill(std::uint32_t code, unsigned bits, Pair pair) {
    pair.both = static_cast<std::uint8_t>(pair.both | bits);
    for (std::uint32_t i = code << (kWindow - bits); i < (code + 1) << (kWindow - bits); ++i)
      at[i] = pair;
  }

  constexpr Pairs() {
    for (std::size_t i = 0; kLengths[kCode.symbols[i]] <= kWindow; ++i) {
      const std::uint16_t a = kCode.symbols[i];
      Pair pair;
      pair.symbols[0] = static_cast<char>(a);
      pair.first = kLengths[a];
      pair.both = 1U << 6U;
      fill(kCode.bits[a], kLengths[a], pair);
      pair.both = 2U << 6U;
      for (std::size_t j = 0; kLengths[a] + kLengths[kCode.symbols[j]] <= int{kWindow}; ++j) {
        const std::uint16_t b = kCode.symbols[j];
        pair.symbols[1] = static_cast<char>(b);
        fill((kCode.bits[a] << kLengths[b]) + kCode.bits[b], kLengths[a] + 0U + kLengths[b], pair);
      }
    }
  }
};
constexpr Pairs kPairs;

struct Long {
  unsigned bits;
  unsigned symbol;
};

// A code longer than kWindow at the top of `window`: rare, so length by length.
Long long_code(std::uint64_t window) {
  const std::uint64_t top = window >> 32U;
  unsigned length = kWindow + 1;
  while (top >= kCode.end[length] && length < kLongestCode)
    ++length;
  const auto nth = static_cast<std::uint32_t>(top >> (32 - length)) - kCode.first[length];
  // Beyond EOS there is nothing: its code is the last one.
  return {length, kCode.symbols[kCode.before[length] + nth]};
}

std::uint64_t load(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

// Up to 63 bits, the next one on top. What is below them belongs to what comes next, or is 0.
class Bits {
 public:
  std::uint64_t window() const { return window_; }
  Pair pair() const { return kPairs.at[window_ >> (64 - kWindow)]; }
  unsigned count() const { return count_; }

  void take(unsigned bits) {
    window_ <<= bits;
    count_ -= bits;
  }
  // At least 56 bits, out of 8 bytes that are at `from`; that moves behind those taken.
  void fill(const char*& from) {
    window_ |= load(from) >> count_;
    from += (63 - count_) / 8;
    count_ |= 56U;
  }

 private:
  std::uint64_t window_ = 0;
  unsigned count_ = 0;
};

}  // namespace

std::optional<std::size_t> huffman_decode(std::string_view in, char* out) {
  const char* from = in.data();
  const char* const end = from + in.size();
  char* to = out;
  Bits bits;

  while (end - from >= 8) {
    bits.fill(from);
    if (bits.pair().count() == 0) {
      const Long code = long_code(bits.window());
      if (code.symbol == kEos) return std::nullopt;
      *to++ = static_cast<char>(code.symbol);
      bits.take(code.bits);
      continue;
    }
    // 5 times 11 bits are there. Before a longer code this stands still.
    for (int i = 0; i < 5; ++i) {
      const Pair pair = bits.pair();
      std::memcpy(to, pair.symbols, 2);
      to += pair.count();
      bits.take(pair.bits());
    }
  }

  // The rest is read out of a copy that goes on with ones, as EOS would.
  const auto rest = static_cast<std::size_t>(end - from);
  std::size_t left = bits.count() + rest * 8;
  char padded[24];
  std::memset(padded, 0xff, sizeof padded);
  if (rest != 0) std::memcpy(padded, from, rest);
  from = padded;
  for (;;) {
    bits.fill(from);
    const Pair pair = bits.pair();
    if (pair.bits() <= left && pair.count() != 0) {
      std::memcpy(to, pair.symbols, 2);
      to += pair.count();
      bits.take(pair.bits());
      left -= pair.bits();
    } else if (pair.count() != 0) {
      if (pair.first > left) break;
      *to++ = pair.symbols[0];
      bits.take(pair.first);
      left -= pair.first;
    } else {
      const Long code = long_code(bits.window());
      if (code.bits > left) break;
      if (code.symbol == kEos) return std::nullopt;
      *to++ = static_cast<char>(code.symbol);
      bits.take(code.bits);
      left -= code.bits;
    }
  }
  if (left > 7 || bits.window() >> 57U != 0x7f) return std::nullopt;
  return static_cast<std::size_t>(to - out);
}

std::size_t huffman_size(std::string_view text) {
  std::size_t bits = 0;
  for (const char c : text)
    bits += kLengths[static_cast<unsigned char>(c)];
  return (bits + 7) / 8;
}

void huffman_encode(std::string_view text, char* out) {
  std::uint64_t window = 0;  // the last `count` bits of it are to be written
  unsigned count = 0;
  for (const char c : text) {
    const auto symbol = static_cast<unsigned char>(c);
    window = window << kLengths[symbol] | kCode.bits[symbol];
    count += kLengths[symbol];
    if (count < 32) continue;
    count -= 32;
    auto word = static_cast<std::uint32_t>(window >> count);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap32(word);
    std::memcpy(out, &word, sizeof word);
    out += sizeof word;
  }
  // The last byte is filled with the first bits of EOS.
  for (; count >= 8; count -= 8)
    *out++ = static_cast<char>(window >> (count - 8));
  if (count != 0) *out = static_cast<char>(window << (8 - count) | 0xffU >> count);
}

}  // namespace sluice::http2
