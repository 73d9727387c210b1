// Whom something is counted for: a tenant, a client, a value of a field, or several of them together, under
// one limit.
#pragma once

#include "sluice/base/address.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::limits {

// A digest of all that makes the key, with a secret of the process: nobody can choose a value that shares
// somebody else's count. Only of use within the process.
struct Key {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t limit = 0;   // tag_of() the limit
  std::uint32_t tenant = 0;  // tag_of() the tenant; 0: not by tenant
  // Only as many as the configuration has: is not forgotten to make room for those that clients make up.
  bool bounded = false;
};

// What tells one name from another, where nobody chooses names to deceive. Never 0.
std::uint32_t tag_of(std::string_view name);

// Puts a key together, part after part; two lists of parts give the same key only where they are the same.
class KeyMaker {
 public:
  explicit KeyMaker(std::string_view limit) { add(limit); }
  void add(std::string_view part);
  void add(const IpAddress& address) {
    add({reinterpret_cast<const char*>(address.bytes), sizeof address.bytes});
  }
  // The digest; who asks fills in the tags.
  Key key() const;
  // What it is made of, as every process makes it: of use until the next add().
  std::string_view text() const { return {text_, size_}; }

 private:
  // Parts that are longer go in as digests (SHA-256), so that what clients send cannot overflow it: the
  // limit's name and as many parts as a limit may have.
  static constexpr std::size_t kLongest = 64;
  char text_[1024];
  std::size_t size_ = 0;
};

inline constexpr std::size_t kMostKeyParts = 8;

}  // namespace sluice::limits
