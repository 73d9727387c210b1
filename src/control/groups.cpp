#include "control/groups.hpp"

#include <algorithm>
#include <utility>

namespace sluice::control {
namespace {

void add_member(upstream::Members& members, std::shared_ptr<upstream::Endpoint> endpoint,
                const plan::Server& server) {
  const bool there = std::any_of(members.begin(), members.end(),
                                 [&](const upstream::Member& m) { return m.endpoint == endpoint; });
  if (!there) members.push_back({std::move(endpoint), server.weight, server.backup, server.most_active});
}

upstream::Members make_members(const plan::Pool& pool, const Names& names, upstream::Registry& registry) {
  upstream::Members members;
  for (const plan::Server& server : pool.servers) {
    if (server.host.empty()) {
      add_member(members, registry.get(pool.name, server.address, server.host, pool.wire), server);
      continue;
    }
    for (const SocketAddress& address : names.addresses(server.host)) {
      const SocketAddress at = address.with_port(server.port);
      add_member(members, registry.get(pool.name, at, server.host, pool.wire), server);
    }
  }
  return members;
}

}  // namespace

void add_hosts(const plan::Plan& plan, std::set<std::string>& out) {
  for (const plan::Pool& pool : plan.pools()) {
    for (const plan::Server& server : pool.servers) {
      if (!server.host.empty()) out.insert(server.host);
    }
  }
}

Groups make_groups(const plan::Plan& plan, const Names& names, upstream::Registry& registry,
                   const Groups& before) {
  Groups out;
  for (const plan::Pool& pool : plan.pools()) {
    upstream::Members members = make_members(pool, names, registry);
    const std::size_t index = out.size();
    if (index < before.size() && before[index]->members() == members) {
      out.push_back(before[index]);
    } else {
      out.push_back(std::make_shared<upstream::Group>(pool.balance, pool.rules, std::move(members),
                                                      registry.state(pool.name)));
    }
  }
  return out;
}

}  // namespace sluice::control
