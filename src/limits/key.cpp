#include "sluice/limits/key.hpp"

#include "limits/sha256.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::limits {
namespace {

// XXH3 is no cryptographic hash. With a secret that nobody sees, nor any digest made with it, there is
// nothing to work out collisions from.
struct Secret {
  unsigned char bytes[XXH3_SECRET_SIZE_MIN];
  Secret() {
    if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) std::abort();
  }
};

XXH128_hash_t digest(const char* data, std::size_t size) {
  static const Secret secret;
  return XXH3_128bits_withSecret(data, size, secret.bytes, sizeof secret.bytes);
}

}  // namespace

std::uint32_t tag_of(std::string_view name) {
  const auto tag = static_cast<std::uint32_t>(XXH3_64bits(name.data(), name.size()));
  return tag != 0 ? tag : 1;
}

// Each part behind its length, so that "ab" and "c" are not "a" and "bc".
void KeyMaker::add(std::string_view part) {
  static_assert(sizeof text_ >= (kMostKeyParts + 1) * (kLongest + 1));
  Sha256 of_long{};
  char* at = text_ + size_;
  if (part.size() > kLongest) {
    of_long = sha256(part);
    part = {reinterpret_cast<const char*>(of_long.data()), of_long.size()};
    *at++ = static_cast<char>(kLongest + 1);  // no length that a part which goes in as it is can have
  } else {
    *at++ = static_cast<char>(part.size());
  }
  if (!part.empty()) std::memcpy(at, part.data(), part.size());
  size_ = static_cast<std::size_t>(at - text_) + part.size();
}

Key KeyMaker::key() const {
  const XXH128_hash_t made = digest(text_, size_);
  Key out;
  out.high = made.high64;
  out.low = made.low64;
  return out;
}

}  // namespace sluice::limits
