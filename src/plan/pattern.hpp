// The hosts that a pattern of tenants stands for.
#pragma once

#include "sluice/config/load.hpp"

#include <string>
#include <string_view>

namespace sluice::plan {

// ".example.com" of "{tenant}.example.com"; empty for anything else.
inline std::string pattern_suffix(std::string_view pattern) {
  constexpr std::string_view kTenant = "{tenant}.";
  if (!pattern.starts_with(kTenant)) return {};
  const std::string host = config::canonical_host(pattern.substr(kTenant.size()));
  return host.empty() ? host : "." + host;
}

}  // namespace sluice::plan
