#include "sluice/upstream/balance/sticky.hpp"

#include "sluice/upstream/balance/policy.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace sluice::upstream {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

StickyNames::StickyNames(const Members& members, std::string_view pool, std::string_view secret)
    : names_(members.size()), by_name_(members.size()) {
  for (std::size_t index = 0; index < members.size(); ++index) {
    const std::string text = server_key(pool, members[index].endpoint->name());
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
    // SHA-256 is there in every OpenSSL: what fails here fails everywhere.
    if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
               reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), mac.data(),
               nullptr) == nullptr) {
      std::abort();
    }
    for (std::size_t at = 0; at < kNameSize; ++at) {
      const std::size_t bit = at * 6;
      const unsigned two = unsigned{mac[bit / 8]} << 8 | mac[bit / 8 + 1];
      names_[index][at] = kAlphabet[two >> (10 - bit % 8) & 63];
    }
  }
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::sort(by_name_.begin(), by_name_.end(), [this](auto a, auto b) { return names_[a] < names_[b]; });
}

std::size_t StickyNames::find(std::string_view wanted) const {
  const auto at =
      std::lower_bound(by_name_.begin(), by_name_.end(), wanted,
                       [this](std::uint32_t index, std::string_view w) { return name(index) < w; });
  return at != by_name_.end() && name(*at) == wanted ? *at : kNobody;
}

}  // namespace sluice::upstream
