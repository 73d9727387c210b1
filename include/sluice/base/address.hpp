// Socket addresses and address blocks: what a listener binds, an upstream connects to, a log prints.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

namespace sluice {

// An IPv4, IPv6 or unix address, ready for bind() and connect().
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* raw, socklen_t length);

  // "127.0.0.1:80", "[::1]:80", ":80" (every IPv4 and IPv6 address), "unix:/path"; numeric hosts only.
  static std::optional<SocketAddress> parse(std::string_view text);
  static SocketAddress local_of(int fd);

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  int family() const { return storage_.ss_family; }
  bool is_unix() const { return storage_.ss_family == AF_UNIX; }
  std::uint16_t port() const;
  // The same host at another port; a unix socket stays what it is.
  SocketAddress with_port(std::uint16_t port) const;

  std::string text() const;     // as parse() takes it
  std::string ip_text() const;  // address alone; IPv4-mapped IPv6 as IPv4; kUnixPeer for unix sockets
  static constexpr std::string_view kUnixPeer = "unix";
  bool operator==(const SocketAddress& other) const;

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// "host:port" taken apart; host may be a name, brackets are removed. Empty when it is not that shape.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> split_host_port(std::string_view text);

// An IP address as 16 bytes, IPv4 mapped into IPv6, so that one comparison serves both.
struct IpAddress {
  std::uint8_t bytes[16]{};
  static std::optional<IpAddress> parse(std::string_view text);
  static std::optional<IpAddress> of(const SocketAddress& address);
  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8 and ::1
  std::string text() const;  // IPv4 where it is mapped
  // With all but the first `bits` of the 128 cleared.
  IpAddress prefix(unsigned bits) const;
  bool operator==(const IpAddress&) const = default;
};

// A block of addresses: "10.0.0.0/8", "2001:db8::/32", or one alone, "192.0.2.1".
struct AddressBlock {
  IpAddress address;
  unsigned bits = 128;  // of `address` that count
  // Empty when `text` is no block; host bits must be zero.
  static std::optional<AddressBlock> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
  bool overlaps(const AddressBlock& other) const;
  std::string text() const;  // as parse() takes it
  bool operator==(const AddressBlock&) const = default;
};

// Any of several blocks.
class AddressSet {
 public:
  // False when `text` is no block.
  bool add(std::string_view text);
  bool contains(const IpAddress& address) const;
  bool overlaps(const AddressBlock& block) const;
  bool empty() const { return blocks_.empty(); }

 private:
  std::vector<AddressBlock> blocks_;
};

}  // namespace sluice
