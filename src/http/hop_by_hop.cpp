// What concerned one hop only: RFC 9110 §7.6.1.
#include "sluice/base/hash.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

namespace sluice::http {
namespace {

constexpr FieldSet kHopByHop =
    field_set(FieldId::connection, FieldId::content_length, FieldId::http2_settings, FieldId::keep_alive,
              FieldId::proxy_connection, FieldId::te, FieldId::transfer_encoding, FieldId::upgrade);

// What no Connection takes out: Host says where a request goes, CDN-Loop where it has been (RFC 8586 §2.1).
constexpr FieldSet kKept = field_set(FieldId::host, FieldId::cdn_loop);

// Ids that many names share.
constexpr FieldSet kShared =
    field_set(FieldId::other, FieldId::claim, FieldId::x_forwarded, FieldId::look_alike);

// Eight letters at a time: bytes from 'A' to 'Z' get the bit that makes them small.
std::uint64_t lower_word(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  const std::uint64_t low = word & 0x7f * kOnes;
  const std::uint64_t from_a = low + (0x80 - 'A') * kOnes;
  const std::uint64_t above_z = low + (0x7f - 'Z') * kOnes;
  return word | (((from_a ^ above_z) & ~word & 0x80 * kOnes) >> 2);
}

// Without regard to case. With a key, so that nobody can choose names that meet in one hash.
std::uint64_t hash_of(std::string_view name) {
  static const std::uint64_t key = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  std::uint64_t hash = key ^ name.size();
  while (!name.empty()) {
    std::uint64_t word = 0;
    const std::size_t part = std::min(name.size(), sizeof word);
    std::memcpy(&word, name.data(), part);
    hash = mix64(hash ^ lower_word(word));
    name.remove_prefix(part);
  }
  return hash;
}

// The names in Connection. Both they and the fields are chosen by the sender, so that comparing each with
// each would be work without measure: a name is hashed, and compared with what has the same hash.
class Options {
 public:
  void add(std::string_view name) {
    const FieldId id = field_id(name);
    if ((bit(id) & kShared) == 0) {
      ids_ |= bit(id);
    } else if (count_ < kMostConnectionOptions) {
      lengths_ |= length_bit(name);
      options_[count_++] = {hash_of(name), name};
    }
  }
  FieldSet ids() const { return ids_; }
  bool have_names() const { return count_ != 0; }
  bool name(const Field& field) const {
    if ((lengths_ & length_bit(field.name)) == 0) return false;
    const std::uint64_t hash = hash_of(field.name);
    for (std::size_t i = 0; i < count_; ++i) {
      if (options_[i].hash == hash && iequals(options_[i].name, field.name)) return true;
    }
    return false;
  }

 private:
  struct Option {
    std::uint64_t hash;
    std::string_view name;
  };
  static std::uint64_t length_bit(std::string_view name) { return std::uint64_t{1} << name.size() % 64; }

  FieldSet ids_ = 0;
  std::uint64_t lengths_ = 0;
  std::array<Option, kMostConnectionOptions> options_;  // the first count_ of them
  std::size_t count_ = 0;
};

void drop_named(Fields& fields) {
  Options options;
  for (const Field& connection : fields.all()) {
    if (connection.id != FieldId::connection) continue;
    for_each_element(connection.value, [&](std::string_view option) {
      options.add(option);
      return true;
    });
  }
  fields.drop(options.ids() & ~kKept);
  if (!options.have_names()) return;
  for (Field& field : fields.all()) {
    if ((bit(field.id) & kShared) != 0 && options.name(field)) field.dropped = true;
  }
}

}  // namespace

void drop_hop_by_hop(Fields& fields) {
  if (fields.has(FieldId::connection)) drop_named(fields);
  fields.drop(kHopByHop);
}

}  // namespace sluice::http
