// Host names as they are compared: the ASCII rules by hand, everything else through libidn2 and then the same
// ASCII rules.
#include "sluice/config/load.hpp"

#include "config/text.hpp"

#include <arpa/inet.h>
#include <array>
#include <memory>

#include <idn2.h>

namespace sluice::config {
namespace {

constexpr std::size_t kLongestHost = 253;
constexpr std::size_t kLongestLabel = 63;
// Generous for any name that IDNA could bring down to kLongestHost; keeps the conversion cheap.
constexpr std::size_t kLongestInput = 1024;

bool is_label_char(char c) { return is_alnum(c) || c == '-' || c == '_'; }

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLongestLabel) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  for (const char c : label) {
    if (!is_label_char(c)) return false;
  }
  return true;
}

// Lower case, or empty when `host` breaks the rules. A name whose last label is a number is an IPv4 address
// or nothing: resolvers disagree about the rest ("10.1", "1.2.3.4.5").
std::string ascii_host(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kLongestHost) return {};
  std::string_view rest = host;
  std::string_view label;
  for (;;) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return {};
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (all_digits(label)) {
    in_addr ignored{};
    if (::inet_pton(AF_INET, std::string(host).c_str(), &ignored) != 1) return {};
  }
  return lower(host);
}

// "[2001:DB8::1]" in the one form that RFC 5952 gives it.
std::string ipv6_host(std::string_view host) {
  if (!host.ends_with(']')) return {};
  const std::string inner(host.substr(1, host.size() - 2));
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(AF_INET6, inner.c_str(), &address) != 1) return {};
  if (::inet_ntop(AF_INET6, &address, text.data(), text.size()) == nullptr) return {};
  return '[' + std::string(text.data()) + ']';
}

std::string idna_host(std::string_view host) {
  if (host.size() > kLongestInput || host.find('\0') != std::string_view::npos) return {};
  const std::string copy(host);
  char* raw = nullptr;
  const int result = ::idn2_to_ascii_8z(copy.c_str(), &raw, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&::idn2_free)> ascii(raw, &::idn2_free);
  return result == IDN2_OK && ascii ? ascii_host(ascii.get()) : std::string();
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

std::string plain_host(std::string_view host) {
  if (host.starts_with('[')) return ipv6_host(host);
  return is_ascii(host) ? ascii_host(host) : idna_host(host);
}

}  // namespace

std::string canonical_host(std::string_view host) {
  if (!host.starts_with("*.")) return plain_host(host);
  const std::string domain = plain_host(host.substr(2));
  const bool address = domain.starts_with('[') || (!domain.empty() && is_digit(domain.back()) &&
                                                   all_digits(domain.substr(domain.rfind('.') + 1)));
  // The wildcard stands for at least one character and its dot.
  if (domain.empty() || address || domain.size() + 2 > kLongestHost) return {};
  return "*." + domain;
}

}  // namespace sluice::config
