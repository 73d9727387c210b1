#include "sluice/http/authority.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"

#include <algorithm>
#include <array>

namespace sluice::http {
namespace {

// The bytes of names, as they are normalised; 0 for all others.
constexpr std::array<char, 256> kNameByte = [] {
  std::array<char, 256> table{};
  for (unsigned c = 0; c < 128; ++c) {
    const char byte = static_cast<char>(c);
    if (is_digit(byte) || is_alpha(byte)) table[c] = to_lower(byte);
  }
  for (const char c : std::string_view("-._"))
    table[static_cast<std::uint8_t>(c)] = c;
  return table;
}();

// `host` has bytes of names only. Its last label, or nothing when one of them is not valid.
std::string_view last_label(std::string_view host) {
  for (;;) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return {};
    if (dot == std::string_view::npos) return label;
    host.remove_prefix(dot + 1);
  }
}

// "127.1", "0x7f000001" and the like are read as addresses by some resolvers and as names by others: a name
// whose last label is a number must be a dotted quad (WHATWG URL, "ends in a number").
bool number_like_but_no_address(std::string_view host, std::string_view last) {
  if (!is_digit(last.front())) return false;
  bool number = true;
  const bool hex = last.size() > 1 && last[0] == '0' && last[1] == 'x';
  for (const char c : last.substr(hex ? 2 : 0))
    number = number && (hex ? hex_value(c) >= 0 : is_digit(c));
  return number && !IpAddress::parse(host);
}

// What follows the host: nothing, or ":" and a port.
bool parse_port(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  const std::string_view digits = text.substr(1);
  if (text.front() != ':' || digits.size() > 5) return false;
  port = parse_decimal<std::uint16_t>(digits).value_or(0);
  return port != 0;
}

// "[v6]" or "[v6]:port".
Rule parse_bracketed(std::string_view text, Arena& arena, Authority& out) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) return Rule::host_address;
  if (!parse_port(text.substr(close + 1), out.port)) return Rule::host_port;
  const std::string_view address = text.substr(1, close - 1);
  if (!IpAddress::parse(address) || address.find(':') == std::string_view::npos) return Rule::host_address;
  char* const host = arena.array<char>(close + 1);
  std::transform(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(close) + 1, host, to_lower);
  out.host = {host, close + 1};
  return Rule::none;
}

}  // namespace

Rule parse_authority(std::string_view text, Arena& arena, Authority& out) {
  if (text.size() > kLongestAuthority) return Rule::host_length;
  if (text.starts_with('[')) return parse_bracketed(text, arena, out);
  char* const name = arena.array<char>(text.size());
  std::size_t size = 0;
  for (; size < text.size(); ++size) {
    name[size] = kNameByte[static_cast<std::uint8_t>(text[size])];
    if (name[size] == 0) break;
  }
  const bool port = parse_port(text.substr(size), out.port);
  if (!port && text[size] != ':') return Rule::host_byte;
  if (size == 0) return Rule::missing_host;
  if (!port) return Rule::host_port;
  out.host = {name, size};
  if (out.host.ends_with('.')) out.host.remove_suffix(1);
  if (out.host.size() > kLongestHost) return Rule::host_length;
  const std::string_view last = last_label(out.host);
  if (last.empty()) return Rule::host_label;
  return number_like_but_no_address(out.host, last) ? Rule::host_number : Rule::none;
}

}  // namespace sluice::http
