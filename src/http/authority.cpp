#include "sluice/http/authority.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"

namespace sluice::http {
namespace {

bool valid_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const bool word = is_digit(c) || (c >= 'a' && c <= 'z') || c == '_';
    if (!word && (c != '-' || label == 0)) return false;
    if (++label > 63) return false;
  }
  return label != 0 && host.back() != '-';
}

// "127.1", "0x7f000001" and the like are read as addresses by some resolvers and as names by others: a name
// whose last label is a number must be a dotted quad (WHATWG URL, "ends in a number").
bool number_like_but_no_address(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0: the whole
  if (!is_digit(last.front())) return false;
  bool number = true;
  const bool hex = last.size() > 1 && last[0] == '0' && last[1] == 'x';
  for (const char c : last.substr(hex ? 2 : 0))
    number = number && (hex ? hex_value(c) >= 0 : is_digit(c));
  return number && !IpAddress::parse(host);
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text, Arena& arena) {
  Authority out;
  std::size_t colon = text.rfind(':');
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    if (close + 1 != text.size() && text[close + 1] != ':') return std::nullopt;
    colon = close + 1 == text.size() ? std::string_view::npos : close + 1;
  }
  if (colon != std::string_view::npos) {
    const std::string_view digits = text.substr(colon + 1);
    const auto port = parse_decimal<std::uint16_t>(digits);
    if (!port || *port == 0 || digits.size() > 5) return std::nullopt;
    out.port = *port;
    text = text.substr(0, colon);
  }
  char* name = arena.array<char>(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    name[i] = to_lower(text[i]);
  std::string_view host(name, text.size());
  if (host.starts_with('[')) {
    if (!IpAddress::parse(host.substr(1, host.size() - 2))) return std::nullopt;
    if (host.find(':') == std::string_view::npos) return std::nullopt;
    out.host = host;
    return out;
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  if (!valid_name(host) || number_like_but_no_address(host)) return std::nullopt;
  out.host = host;
  return out;
}

}  // namespace sluice::http
