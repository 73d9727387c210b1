// Keys for tests of the ledger.
#pragma once

#include "sluice/limits/key.hpp"

#include <string>
#include <string_view>

namespace sluice::limits::testing {

inline Key key_of(std::string_view limit, std::string_view part, std::string_view tenant = {}) {
  KeyMaker maker(limit);
  maker.add(part);
  Key key = maker.key();
  key.limit = tag_of(limit);
  key.tenant = tenant.empty() ? 0 : tag_of(tenant);
  return key;
}

inline Key bounded_key(std::string_view limit, std::string_view tenant) {
  Key key = key_of(limit, tenant, tenant);
  key.bounded = true;
  return key;
}

inline Key client_key(std::size_t number) { return key_of("client", std::to_string(number)); }

}  // namespace sluice::limits::testing
