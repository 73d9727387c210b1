#include "sluice/limits/bans.hpp"

namespace sluice::limits {

void Bans::strike(const Key& /*key*/, const BanTerms& /*terms*/, const IpAddress& /*client*/,
                  unsigned /*bits*/, std::string_view /*tenant*/, std::string_view /*limit*/, Nanos /*now*/) {
}

}  // namespace sluice::limits
