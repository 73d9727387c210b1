#include "sluice/http/forwarding.hpp"

#include "sluice/base/text.hpp"

#include <cstdlib>
#include <cstring>
#include <sys/random.h>

namespace sluice::http {
namespace {

// xoshiro256**, seeded by the kernel once per thread: an id must be unique, not unguessable.
class Random {
 public:
  Random() {
    if (::getrandom(state_, sizeof state_, 0) != static_cast<ssize_t>(sizeof state_)) std::abort();
  }
  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4]{};
};

bool valid_request_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (const char c : id) {
    if (!is_digit(c) && !is_alpha(c) && std::string_view("._:@/+=-").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

// Right to left: each address was written by the one to its right, which we know to be trustworthy.
std::string_view client_of(std::string_view forwarded_for, std::string_view peer, const AddressSet& trusted) {
  std::string_view client = peer;
  while (!forwarded_for.empty()) {
    const std::size_t comma = forwarded_for.rfind(',');
    const std::string_view last =
        trim_ows(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1));
    const auto address = IpAddress::parse(last);
    if (!address) return client;
    client = last;
    if (!trusted.contains(*address) || comma == std::string_view::npos) return client;
    forwarded_for = forwarded_for.substr(0, comma);
  }
  return client;
}

// All X-Forwarded-For fields as one list, in order.
std::string_view forwarded_for_of(Exchange& exchange) {
  std::string_view all;
  if (!exchange.request.fields.has(FieldId::x_forwarded_for)) return all;
  for (const Field& field : exchange.request.fields.all()) {
    if (field.id != FieldId::x_forwarded_for || field.dropped || field.value.empty()) continue;
    all = all.empty() ? field.value : exchange.arena.join({all, ", ", field.value});
  }
  return all;
}

constexpr FieldSet kHopByHop =
    field_set(FieldId::connection, FieldId::content_length, FieldId::http2_settings, FieldId::keep_alive,
              FieldId::proxy_connection, FieldId::te, FieldId::transfer_encoding, FieldId::upgrade);

// What only a trusted peer may say, and spellings of it that nobody may use.
constexpr FieldSet kForwarding =
    field_set(FieldId::forwarded, FieldId::x_forwarded, FieldId::x_forwarded_for, FieldId::x_forwarded_host,
              FieldId::x_forwarded_proto, FieldId::x_real_ip, FieldId::x_request_id, FieldId::look_alike);

// Eight hexadecimal digits, one in each byte: all at once, by arithmetic on the word.
std::uint64_t hex_digits(std::uint32_t bits) {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  std::uint64_t nibbles = bits;
  nibbles = (nibbles | nibbles << 16) & 0x0000'ffff'0000'ffff;
  nibbles = (nibbles | nibbles << 8) & 0x00ff'00ff'00ff'00ff;
  nibbles = (nibbles | nibbles << 4) & 0x0f0f'0f0f'0f0f'0f0f;
  const std::uint64_t letters = (nibbles + 6 * kOnes) >> 4 & kOnes;  // one where the digit is a letter
  return nibbles + '0' * kOnes + ('a' - '0' - 10) * letters;
}

// Adds the field unless a trusted peer already said it.
void add_unless_said(Exchange& exchange, std::string_view name, std::string_view value, FieldId id) {
  if (exchange.request.fields.find(id) == nullptr)
    exchange.request.fields.add(exchange.arena, name, value, id);
}

}  // namespace

void drop_hop_by_hop(Fields& fields) {
  if (fields.has(FieldId::connection)) {
    for (const Field& connection : fields.all()) {
      if (connection.id != FieldId::connection) continue;
      for_each_element(connection.value, [&](std::string_view option) {
        for (Field& field : fields.all()) {
          if (field.id != FieldId::host && iequals(field.name, option)) field.dropped = true;
        }
        return true;
      });
    }
  }
  fields.drop(kHopByHop);
}

std::string_view make_request_id(Arena& arena) {
  thread_local Random random;
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  const std::uint64_t digits[] = {
      hex_digits(static_cast<std::uint32_t>(high >> 32)), hex_digits(static_cast<std::uint32_t>(high)),
      hex_digits(static_cast<std::uint32_t>(low >> 32)), hex_digits(static_cast<std::uint32_t>(low))};
  char* const id = arena.array<char>(sizeof digits);
  std::memcpy(id, digits, sizeof digits);
  return {id, sizeof digits};
}

void identify(Exchange& exchange, const AddressSet& trusted) {
  exchange.client_ip = exchange.origin.peer_ip;
  const Fields& fields = exchange.request.fields;
  if (exchange.origin.trusted_peer) {
    if (fields.has(FieldId::x_forwarded_for)) {
      exchange.client_ip = client_of(forwarded_for_of(exchange), exchange.origin.peer_ip, trusted);
    }
    if (const Field* id = fields.find(FieldId::x_request_id); id != nullptr && valid_request_id(id->value)) {
      exchange.request_id = id->value;
      return;
    }
  }
  exchange.request_id = make_request_id(exchange.arena);
}

void add_forwarding_fields(Exchange& exchange) {
  Fields& fields = exchange.request.fields;
  std::string_view before;
  if (exchange.origin.trusted_peer) {
    before = forwarded_for_of(exchange);
    fields.drop(field_set(FieldId::x_forwarded_for, FieldId::x_request_id, FieldId::look_alike));
  } else {
    fields.drop(kForwarding);
  }
  // A peer on a unix socket has no address to tell.
  std::string_view chain = before;
  if (exchange.origin.peer_ip != SocketAddress::kUnixPeer) {
    chain = before.empty() ? exchange.origin.peer_ip
                           : exchange.arena.join({before, ", ", exchange.origin.peer_ip});
  }
  if (!chain.empty()) fields.add(exchange.arena, "X-Forwarded-For", chain, FieldId::x_forwarded_for);
  add_unless_said(exchange, "X-Forwarded-Proto", exchange.origin.secure ? "https" : "http",
                  FieldId::x_forwarded_proto);
  if (!exchange.request.authority.empty()) {
    add_unless_said(exchange, "X-Forwarded-Host", exchange.request.authority, FieldId::x_forwarded_host);
  }
  fields.add(exchange.arena, "X-Request-ID", exchange.request_id, FieldId::x_request_id);
}

}  // namespace sluice::http
