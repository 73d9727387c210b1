// Names of a pool's servers for cookies: a client that brings one back gets the same server again. A name
// tells nothing of the server's address, and is the same in every process that has the same pool and secret.
#pragma once

#include "sluice/upstream/endpoint.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::upstream {

// Of one set of members; immutable, and shared by all workers. Making it takes some microseconds per server.
class StickyNames {
 public:
  static constexpr std::size_t kNameSize = 16;  // 96 bits in base64url

  // Names are keyed by `secret`. With an empty one, who guesses the pool's name and a server's address can
  // tell that the guess was right; nobody can read them off a name either way.
  StickyNames(const Members& members, std::string_view pool, std::string_view secret);

  // What stands in the cookie of the member at `index`. Lives as long as this does.
  std::string_view name(std::size_t index) const { return {names_[index].data(), kNameSize}; }
  // The index of the member that a client's cookie names, or kNobody: another pool's, one that is gone, or
  // something that was never given out. Whether that member may be picked is not asked.
  std::size_t find(std::string_view name) const;

 private:
  using Name = std::array<char, kNameSize>;
  std::vector<Name> names_;             // by member
  std::vector<std::uint32_t> by_name_;  // members, sorted by name
};

}  // namespace sluice::upstream
