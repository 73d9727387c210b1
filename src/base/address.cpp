#include "sluice/base/address.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstddef>
#include <cstring>

namespace sluice {
namespace {

bool parse_v4(std::string_view text, in_addr& out) {
  char copy[INET_ADDRSTRLEN]{};
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy, text.data(), text.size());
  return ::inet_pton(AF_INET, copy, &out) == 1;
}

bool parse_v6(std::string_view text, in6_addr& out) {
  char copy[INET6_ADDRSTRLEN]{};
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(copy, text.data(), text.size());
  return ::inet_pton(AF_INET6, copy, &out) == 1;
}

constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedBits = 96;

}  // namespace

SocketAddress::SocketAddress(const sockaddr* raw, socklen_t length) : length_(length) {
  std::memcpy(&storage_, raw, std::min<std::size_t>(length, sizeof storage_));
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    if (text.empty() || text.size() >= sizeof un.sun_path || text.find('\0') != text.npos)
      return std::nullopt;
    std::memcpy(un.sun_path, text.data(), text.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&un), length);
  }
  const auto parts = split_host_port(text);
  if (!parts) return std::nullopt;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(parts->port);
  if (parse_v4(parts->host, v4.sin_addr)) {
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(parts->port);
  if (parts->host.empty() || parse_v6(parts->host, v6.sin6_addr)) {
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
  }
  return std::nullopt;
}

SocketAddress SocketAddress::local_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return {reinterpret_cast<const sockaddr*>(&storage), length};
}

std::uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
  SocketAddress out = *this;
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&out.storage_)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&out.storage_)->sin6_port = htons(port);
  return out;
}

std::string SocketAddress::ip_text() const {
  char text[INET6_ADDRSTRLEN]{};
  if (family() == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof text);
    return text;
  }
  if (family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr;
    if (std::memcmp(&v6, kMappedPrefix, sizeof kMappedPrefix) == 0) {
      ::inet_ntop(AF_INET, reinterpret_cast<const char*>(&v6) + 12, text, sizeof text);
    } else {
      ::inet_ntop(AF_INET6, &v6, text, sizeof text);
    }
    return text;
  }
  return std::string(kUnixPeer);
}

std::string SocketAddress::text() const {
  if (is_unix()) return std::string("unix:") + reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path;
  const std::string ip = ip_text();
  const std::string port_text = std::to_string(port());
  return ip.find(':') != std::string::npos ? "[" + ip + "]:" + port_text : ip + ":" + port_text;
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return length_ == other.length_ && std::memcmp(&storage_, &other.storage_, length_) == 0;
}

std::optional<HostPort> split_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.size() < 2 || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress out;
  in_addr v4{};
  if (parse_v4(text, v4)) {
    std::memcpy(out.bytes, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(out.bytes + 12, &v4, 4);
    return out;
  }
  in6_addr v6{};
  if (!parse_v6(text, v6)) return std::nullopt;
  std::memcpy(out.bytes, &v6, 16);
  return out;
}

std::optional<IpAddress> IpAddress::of(const SocketAddress& address) {
  IpAddress out;
  if (address.family() == AF_INET) {
    std::memcpy(out.bytes, kMappedPrefix, sizeof kMappedPrefix);
    std::memcpy(out.bytes + 12, &reinterpret_cast<const sockaddr_in*>(address.raw())->sin_addr, 4);
    return out;
  }
  if (address.family() != AF_INET6) return std::nullopt;
  std::memcpy(out.bytes, &reinterpret_cast<const sockaddr_in6*>(address.raw())->sin6_addr, 16);
  return out;
}

bool IpAddress::is_v4() const { return std::memcmp(bytes, kMappedPrefix, sizeof kMappedPrefix) == 0; }

bool IpAddress::is_loopback() const {
  static const IpAddress v6 = *parse("::1");
  static const IpAddress v4 = *parse("127.0.0.1");
  // 127.0.0.0/8: the mapped prefix and the first octet.
  return *this == v6 || std::memcmp(bytes, v4.bytes, sizeof kMappedPrefix + 1) == 0;
}

IpAddress IpAddress::prefix(unsigned bits) const {
  IpAddress out;
  const unsigned whole = bits / 8;
  std::memcpy(out.bytes, bytes, whole);
  if (whole < sizeof bytes)
    out.bytes[whole] = bytes[whole] & static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return out;
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = "";
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes + (v4 ? 12 : 0), out, sizeof out);
  return out;
}

std::optional<AddressBlock> AddressBlock::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  unsigned bits = 128;
  if (slash != std::string_view::npos) {
    const auto parsed = parse_decimal<unsigned>(text.substr(slash + 1));
    if (!parsed || *parsed > (v4 ? 32U : 128U)) return std::nullopt;
    bits = *parsed + (v4 ? 96 : 0);
  }
  if (address->prefix(bits) != *address) return std::nullopt;
  return AddressBlock{*address, bits};
}

bool AddressBlock::contains(const IpAddress& other) const {
  // IPv4 is mapped into IPv6, but no part of any block of it that is written as one.
  if (bits < kMappedBits && other.is_v4()) return false;
  const unsigned whole = bits / 8;
  if (std::memcmp(address.bytes, other.bytes, whole) != 0) return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

bool AddressBlock::overlaps(const AddressBlock& other) const {
  return bits <= other.bits ? contains(other.address) : other.contains(address);
}

std::string AddressBlock::text() const {
  if (bits == 128) return address.text();
  const bool v4 = bits >= 96 && address.is_v4();
  return address.text() + '/' + std::to_string(v4 ? bits - 96 : bits);
}

bool AddressSet::add(std::string_view text) {
  const auto block = AddressBlock::parse(text);
  if (block) blocks_.push_back(*block);
  return block.has_value();
}

bool AddressSet::contains(const IpAddress& address) const {
  return std::any_of(blocks_.begin(), blocks_.end(),
                     [&](const AddressBlock& block) { return block.contains(address); });
}

bool AddressSet::overlaps(const AddressBlock& block) const {
  return std::any_of(blocks_.begin(), blocks_.end(),
                     [&](const AddressBlock& own) { return own.overlaps(block); });
}

}  // namespace sluice
