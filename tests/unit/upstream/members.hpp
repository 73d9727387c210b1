// Pools of servers that exist only as numbers.
#pragma once

#include "sluice/upstream/endpoint.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sluice::test {

inline upstream::Members make_members(const std::vector<std::uint32_t>& weights) {
  const auto wire = std::make_shared<const upstream::Wire>();
  upstream::Members out;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    const std::string name = "10.0.0." + std::to_string(i + 1) + ":80";
    const auto address = SocketAddress::parse(name).value();
    out.push_back({std::make_shared<upstream::Endpoint>("app", name, "", address, wire, i), weights[i]});
  }
  return out;
}

}  // namespace sluice::test
