// Socket addresses as text, and the few socket calls both tools make.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace sluice::toolkit {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  bool is_unix() const { return storage.ss_family == AF_UNIX; }

  std::uint16_t port() const;  // 0 for a unix socket
  std::string text() const;    // "127.0.0.1:80", "[::1]:80", "unix:/path"
};

// "HOST:PORT", "[V6]:PORT" or "unix:/path"; a name is resolved to its first address. Throws
// std::runtime_error.
Address parse_address(std::string_view text);

// The first address of a host and port. Throws std::runtime_error.
Address resolve(const std::string& host, std::uint16_t port);

// A listening, non-blocking socket; a unix socket file left behind by an earlier run is replaced. `address`
// comes back as bound, so that port 0 turns into the port chosen. Throws std::runtime_error.
int listen_on(Address& address);

// A non-blocking socket on its way to `address`, Nagle's delay off. A `receive_buffer` in bytes takes the
// place of the kernel's own choice. -1 with errno when refused at once.
int start_connect(const Address& address, int receive_buffer = 0);

// Answers small and at once: without this, Nagle and delayed acknowledgements add 40 ms to what is measured.
void set_no_delay(int fd);

// A peer that has gone is an error of the write, not a reason to die. OpenSSL writes without MSG_NOSIGNAL.
void ignore_broken_pipes();

// Thousands of connections need more descriptors than the usual soft limit: takes all the hard limit gives.
void raise_descriptor_limit();

}  // namespace sluice::toolkit
