// How the servers of pools are spoken to, made once for all pools that say the same.
#pragma once

#include "sluice/config/load.hpp"
#include "sluice/config/pool.hpp"
#include "sluice/upstream/endpoint.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace sluice::plan {

// What upstream::Wire::key is for a pool at this moment. It holds the state of the CA file, so that
// connections made under another one are not taken for these; the path comes last, for it may hold anything.
std::string wire_key(const config::Pool& pool);

class Wires {
 public:
  explicit Wires(config::Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // One from before goes on where a pool says the same, so that what is bound to it (TLS sessions,
  // connections) survives a reload.
  void know(const std::shared_ptr<const upstream::Wire>& wire) { known_.emplace(wire->key, wire); }
  // Never empty; what is wrong is reported, for each pool.
  std::shared_ptr<const upstream::Wire> get(const config::Pool& pool);

 private:
  std::shared_ptr<const tls::ClientContext> client_context(const config::Pool& pool);

  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string, std::shared_ptr<const upstream::Wire>> known_;  // by key
};

}  // namespace sluice::plan
