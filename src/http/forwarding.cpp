#include "sluice/http/forwarding.hpp"

#include "sluice/base/hex.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/cdn_loop.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
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

// Some balancers write the client's port behind its address.
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    const bool whole = end != std::string_view::npos && (end + 1 == text.size() || text[end + 1] == ':');
    return whole ? text.substr(1, end - 1) : text;
  }
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && colon == text.rfind(':') ? text.substr(0, colon) : text;
}

// Right to left: each address was written by the one to its right, which we know to be trustworthy.
std::string_view client_of(std::string_view forwarded_for, std::string_view peer, const AddressSet& trusted) {
  std::string_view client = peer;
  for (std::size_t seen = 0; !forwarded_for.empty() && seen < kMostElements; ++seen) {
    const std::size_t comma = forwarded_for.rfind(',');
    const std::string_view last = without_port(
        trim_ows(comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1)));
    const auto address = IpAddress::parse(last);
    if (!address) return client;
    client = last;
    if (!trusted.contains(*address) || comma == std::string_view::npos) return client;
    forwarded_for = forwarded_for.substr(0, comma);
  }
  return client;
}

bool says_for(const Field& field) {
  return field.id == FieldId::x_forwarded_for && !field.dropped && !field.value.empty();
}

// All X-Forwarded-For fields as one list, in order.
std::string_view forwarded_for_of(Exchange& exchange) {
  const Fields& fields = exchange.request.fields;
  const Field* const first = fields.find(FieldId::x_forwarded_for);
  if (first == nullptr) return {};
  std::size_t size = 0;
  for (const Field& field : fields.all())
    size += says_for(field) ? field.value.size() + 2 : 0;
  if (size <= first->value.size() + 2) return first->value;  // the only one that says anything
  char* const list = exchange.arena.array<char>(size);
  char* at = list;
  for (const Field& field : fields.all()) {
    if (!says_for(field)) continue;
    at = std::copy(field.value.begin(), field.value.end(), at);
    *at++ = ',';
    *at++ = ' ';
  }
  return {list, size - 2};
}

// What only a trusted peer may say, and spellings of it that nobody may use.
constexpr FieldSet kForwarding =
    field_set(FieldId::claim, FieldId::x_forwarded, FieldId::x_forwarded_for, FieldId::x_forwarded_host,
              FieldId::x_forwarded_proto, FieldId::x_request_id);
// What nobody may say.
constexpr FieldSet kNever = field_set(FieldId::look_alike, FieldId::proxy);

// Fields of an untrusted client that the operator lets pass stay as they are.
void drop_claims(Fields& fields, std::uint64_t passed) {
  const auto names = claim_names();
  for (Field& field : fields.all()) {
    if (field.id != FieldId::claim) continue;
    const auto named = [&field](std::string_view name) { return iequals(name, field.name); };
    const auto index = std::find_if(names.begin(), names.end(), named) - names.begin();
    if ((passed >> index & 1) == 0) field.dropped = true;
  }
}

void drop_forwarding(Fields& fields, bool trusted, const ForwardingRules& rules) {
  if (trusted) return fields.drop(kNever | field_set(FieldId::x_forwarded_for, FieldId::x_request_id));
  if (rules.passed_claims == 0) return fields.drop(kNever | kForwarding);
  fields.drop((kNever | kForwarding) & ~bit(FieldId::claim));
  if (fields.has(FieldId::claim)) drop_claims(fields, rules.passed_claims);
}

// Fields of ours, written one behind the other as they will be sent: the codec takes them as one text.
class Lines {
 public:
  // `room` for all of them.
  Lines(Exchange& exchange, std::size_t room) : exchange_(exchange), at_(exchange.arena.array<char>(room)) {}

  template <std::size_t N, class... Texts>
  void add(const char (&name)[N], FieldId id, const Texts&... texts) {
    char* const line = at_;
    write({name, N - 1});
    write(": ");
    char* const value = at_;
    (write(texts), ...);
    const auto size = static_cast<std::size_t>(at_ - value);
    write("\r\n");
    exchange_.request.fields.add(exchange_.arena, {line, N - 1}, {value, size}, id, FieldForm::line);
  }

 private:
  void write(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  Exchange& exchange_;
  char* at_;
};

}  // namespace

bool needs_trust(FieldId id) { return (bit(id) & (kForwarding | kNever)) != 0; }

std::string_view make_request_id(Arena& arena) {
  thread_local Random random;
  const std::uint64_t high = random.next();
  const std::uint64_t low = random.next();
  const Hex digits[] = {Hex(high), Hex(low)};
  char* const id = arena.array<char>(sizeof digits);
  std::memcpy(id, digits, sizeof digits);
  return {id, sizeof digits};
}

void identify(Exchange& exchange, const AddressSet& trusted) {
  exchange.client_ip = exchange.origin.peer_ip;
  const Fields& fields = exchange.request.fields;
  exchange.trusted = &trusted;
  exchange.origin.spoken_for =
      fields.has_any(field_set(FieldId::x_forwarded_for, FieldId::x_forwarded_host,
                               FieldId::x_forwarded_proto, FieldId::x_forwarded, FieldId::claim));
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

const IpAddress& client_address(Exchange& exchange) {
  if (exchange.client_address == nullptr) {
    IpAddress* const made = exchange.arena.array<IpAddress>(1);
    *made = IpAddress::parse(exchange.client_ip).value_or(IpAddress{});
    exchange.client_address = made;
  }
  return *exchange.client_address;
}

bool is_insider(const Exchange& exchange) {
  const std::span<const Field> fields = exchange.request.fields.all();
  // A proxy that tells nothing else of its client still says Via (RFC 9110 §7.6.3).
  const bool relayed = exchange.origin.spoken_for ||
                       std::any_of(fields.begin(), fields.end(),
                                   [](const Field& field) { return iequals(field.name, "via"); });
  if (relayed && !exchange.origin.trusted_peer) return false;
  if (exchange.client_ip == SocketAddress::kUnixPeer) return true;
  const auto ip = IpAddress::parse(exchange.client_ip);
  return ip && (ip->is_loopback() || (exchange.trusted != nullptr && exchange.trusted->contains(*ip)));
}

void add_forwarding_fields(Exchange& exchange, const ForwardingRules& rules) {
  Fields& fields = exchange.request.fields;
  const std::string_view peer = exchange.origin.peer_ip;
  const std::string_view before = exchange.origin.trusted_peer ? forwarded_for_of(exchange) : "";
  drop_forwarding(fields, exchange.origin.trusted_peer, rules);
  constexpr std::size_t kRest = 160;  // names, punctuation, the scheme and our node
  Lines lines(exchange, before.size() + peer.size() + exchange.request.authority.size() +
                            exchange.request_id.size() + rules.cdn_id.size() + kRest);
  // A peer on a unix socket has no address to tell.
  if (peer == SocketAddress::kUnixPeer) {
    if (!before.empty()) lines.add("X-Forwarded-For", FieldId::x_forwarded_for, before);
  } else {
    lines.add("X-Forwarded-For", FieldId::x_forwarded_for, before, before.empty() ? "" : ", ", peer);
  }
  if (fields.find(FieldId::x_forwarded_proto) == nullptr) {
    lines.add("X-Forwarded-Proto", FieldId::x_forwarded_proto, exchange.origin.secure ? "https" : "http");
  }
  if (fields.find(FieldId::x_forwarded_host) == nullptr && !exchange.request.authority.empty()) {
    lines.add("X-Forwarded-Host", FieldId::x_forwarded_host, exchange.request.authority);
  }
  lines.add("X-Request-ID", FieldId::x_request_id, exchange.request_id);
  if (rules.cdn_id.empty()) return;
  lines.add("CDN-Loop", FieldId::cdn_loop, rules.cdn_id, ";n=", Hex(loop_node(exchange)).view());
}

}  // namespace sluice::http
