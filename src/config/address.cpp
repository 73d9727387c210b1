#include "config/address.hpp"

#include "sluice/config/load.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <sys/un.h>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

using Text = Parsed<std::string>;

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;

Text parse_socket_path(std::string_view text) {
  const std::string_view path = text.substr(kUnix.size());
  if (!path.starts_with('/')) {
    return failed<std::string>(fmt::format("{} needs an absolute path after \"unix:\"", quoted(text)));
  }
  if (path.size() > kLongestSocketPath) {
    return failed<std::string>(
        fmt::format("{} is too long for a socket: at most {} bytes", quoted(path), kLongestSocketPath));
  }
  return {std::string(text), {}};
}

// "http://app/x": "app:80".
std::string without_scheme(std::string_view url) {
  const std::size_t slashes = url.find("://");
  const std::string_view rest = url.substr(slashes + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.rfind(':') != std::string_view::npos && !authority.ends_with(']'))
    return std::string(authority);
  return fmt::format("{}:{}", authority, url.substr(0, slashes) == "https" ? 443 : 80);
}

// "$APP:80": "${APP}:80"; empty where no variable is written so.
std::string with_braces(std::string_view text) {
  const std::size_t dollar = text.find('$');
  if (dollar == std::string_view::npos) return {};
  const std::string_view rest = text.substr(dollar + 1);
  const auto end = std::find_if_not(rest.begin(), rest.end(), [](char c) { return is_alnum(c) || c == '_'; });
  const auto size = static_cast<std::size_t>(end - rest.begin());
  if (size == 0 || is_digit(rest.front())) return {};
  return fmt::format("{}${{{}}}{}", text.substr(0, dollar), rest.substr(0, size), rest.substr(size));
}

// What is meant by a text that is no address at all; empty for what may be one.
std::string other_kind(std::string_view text) {
  if (text.find("{{") != std::string_view::npos || text.find("{%") != std::string_view::npos)
    return fmt::format("{} is a template that was not filled in", quoted(text));
  if (const std::string braces = with_braces(text); !braces.empty())
    return fmt::format("{} is not replaced; write {}", quoted(text), quoted(braces));
  if (text.starts_with('/')) return fmt::format("{} is a path; write \"unix:{}\"", quoted(text), text);
  if (text.find(',') != std::string_view::npos)
    return fmt::format("{} holds a comma; write each address for itself", quoted(text));
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos && text.find(':') < space && text.rfind(':') > space)
    return fmt::format("{} holds a space; write each address for itself, with a comma between them",
                       quoted(text));
  return {};
}

// The host and port of a text whose shape is right; otherwise `error` says what to write.
struct Split {
  std::string_view host;
  std::string_view port;
  std::string error;
};

Split split(std::string_view text, Role role) {
  if (std::string other = other_kind(text); !other.empty()) return {{}, {}, std::move(other)};
  if (text.find("://") != std::string_view::npos) {
    return {{}, {}, fmt::format("{} is a URL; write {}", quoted(text), quoted(without_scheme(text)))};
  }
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (colon == std::string_view::npos || (bracketed && text.ends_with(']'))) {
    if (!all_digits(text)) {
      return {{},
              {},
              fmt::format("{} has no port; write it behind a colon, as in {}", quoted(text),
                          quoted(std::string(text) + ":8080"))};
    }
    return {
        {},
        {},
        role == Role::listener
            ? fmt::format("{} is a port alone; write \":{}\"", quoted(text), text)
            : fmt::format("{} is a port alone; for this machine write \"127.0.0.1:{}\"", quoted(text), text)};
  }
  const std::string_view host = text.substr(0, colon);
  if (!bracketed && host.find(':') != std::string_view::npos) {
    return {{},
            {},
            fmt::format("{} has several colons; an IPv6 address needs brackets: [::1]:8080", quoted(text))};
  }
  return {host, text.substr(colon + 1), {}};
}

// -1 when it is no port for that role.
int parse_port(std::string_view text, Role role) {
  if (!all_digits(text) || text.size() > 5) return -1;
  int port = 0;
  for (const char c : text)
    port = port * 10 + (c - '0');
  const bool usable = port <= 65535 && (port > 0 || role != Role::server);
  return usable ? port : -1;
}

bool is_ip(std::string_view host) {
  return host.starts_with('[') || (is_digit(host.back()) && all_digits(host.substr(host.rfind('.') + 1)));
}

// 224.0.0.0/4, ff00::/8; of an address in its canonical form.
bool is_multicast(std::string_view host) {
  if (host.starts_with('[')) return host.starts_with("[ff") && host.find(':') == 5;
  const std::string_view first = host.substr(0, host.find('.'));
  return is_ip(host) && first.size() == 3 && first >= "224" && first <= "239";
}

std::string host_problem(std::string_view text, std::string_view host, std::string_view canonical,
                         Role role) {
  if (host.empty()) {
    if (role == Role::listener) return {};
    if (role == Role::server) {
      return fmt::format("{} has no host; for this machine write \"127.0.0.1{}\"", quoted(text), text);
    }
    return fmt::format(
        "{} is open to other machines; the admin API needs a loopback address such as "
        "\"127.0.0.1{}\", or a unix socket",
        quoted(text), text);
  }
  if (host == "*" && role == Role::listener) {
    return fmt::format("{} is not a host name or an address; for every address of the machine write \"{}\"",
                       quoted(host), text.substr(1));
  }
  if (canonical.empty() || canonical.starts_with('*')) {
    return fmt::format("{} is not a host name or an address", quoted(host));
  }
  if (role == Role::server) {
    return is_multicast(canonical)
               ? fmt::format("{} is a multicast address, which no server can have", quoted(host))
               : std::string();
  }
  if (!is_ip(canonical)) {
    return fmt::format("{} is a name; to listen, write an IP address{}", quoted(host),
                       canonical == "localhost" ? " such as 127.0.0.1" : "");
  }
  if (role == Role::admin && !canonical.starts_with("127.") && canonical != "[::1]") {
    return fmt::format(
        "{} is open to other machines; the admin API needs a loopback address or a unix socket",
        quoted(text));
  }
  return {};
}

// An IP address as bytes; `size` is 4, 16, or 0 for none.
struct Bytes {
  std::array<unsigned char, 16> data{};
  unsigned size = 0;
};

Bytes parse_ip(std::string_view text) {
  Bytes out;
  const std::string copy(text);
  if (::inet_pton(AF_INET, copy.c_str(), out.data.data()) == 1) {
    out.size = 4;
  } else if (::inet_pton(AF_INET6, copy.c_str(), out.data.data()) == 1) {
    out.size = 16;
  }
  return out;
}

std::string show_ip(const Bytes& ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ip.size == 4 ? AF_INET : AF_INET6, ip.data.data(), text.data(), text.size());
  return text.data();
}

Bytes masked(Bytes ip, unsigned bits) {
  for (unsigned bit = bits; bit < ip.size * 8; ++bit) {
    ip.data[bit / 8] &= static_cast<unsigned char>(~(0x80U >> (bit % 8)));
  }
  return ip;
}

}  // namespace

Text parse_address(std::string_view text, Role role) {
  if (text.starts_with(kUnix)) return parse_socket_path(text);
  Split parts = split(text, role);
  if (!parts.error.empty()) return failed<std::string>(std::move(parts.error));
  const int port = parse_port(parts.port, role);
  if (port < 0) {
    const bool named = parts.port == "http" || parts.port == "https";
    return failed<std::string>(
        fmt::format("{} is not a port: {}..65535{}", quoted(parts.port), role == Role::server ? 1 : 0,
                    named ? fmt::format("; write \"{}:{}\"", parts.host, parts.port == "http" ? 80 : 443)
                          : std::string()));
  }
  const std::string host = parts.host.empty() ? std::string() : canonical_host(parts.host);
  std::string problem = host_problem(text, parts.host, host, role);
  if (!problem.empty()) return failed<std::string>(std::move(problem));
  return {fmt::format("{}:{}", host, port), {}};
}

Text parse_name_server(std::string_view text) {
  if (const Bytes ip = parse_ip(text); ip.size != 0) {
    return {fmt::format("{}{}{}:53", ip.size == 16 ? "[" : "", show_ip(ip), ip.size == 16 ? "]" : ""), {}};
  }
  Text address = parse_address(text, Role::server);
  if (address && is_ip(address.value.substr(0, address.value.rfind(':')))) return address;
  return failed<std::string>(fmt::format(
      "{} is not an IP address, alone or with a port: 10.0.0.1, 10.0.0.1:5353 or [::1]:5353", quoted(text)));
}

Text parse_block(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Bytes ip = parse_ip(text.substr(0, slash));
  if (ip.size == 0) {
    return failed<std::string>(
        fmt::format("{} is not an address or a block such as 10.0.0.0/8", quoted(text)));
  }
  if (slash == std::string_view::npos) return {std::string(text), {}};
  const std::string_view digits = text.substr(slash + 1);
  const unsigned longest = ip.size * 8;
  unsigned bits = 0;
  if (all_digits(digits) && digits.size() <= 3) {
    for (const char c : digits)
      bits = bits * 10 + static_cast<unsigned>(c - '0');
  } else {
    bits = longest + 1;
  }
  if (bits > longest) {
    return failed<std::string>(fmt::format("{} is not a prefix length: 0..{}", quoted(digits), longest));
  }
  const Bytes network = masked(ip, bits);
  if (network.data != ip.data) {
    return failed<std::string>(fmt::format("{} has address bits beyond its prefix; did you mean \"{}/{}\"?",
                                           quoted(text), show_ip(network), bits));
  }
  return {std::string(text), {}};
}

}  // namespace sluice::config
