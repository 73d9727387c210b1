#include "sluice/upstream/registry.hpp"

#include "sluice/net/loop.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;

namespace {

SocketAddress nth_address(unsigned n) {
  return SocketAddress::parse("10." + std::to_string(n >> 16 & 255) + '.' + std::to_string(n >> 8 & 255) +
                              '.' + std::to_string(n & 255) + ":80")
      .value();
}

std::shared_ptr<const Wire> clear() {
  static const auto wire = std::make_shared<const Wire>();
  return wire;
}

}  // namespace

TEST_CASE("an id is nobody else's while anybody holds its endpoint, and used again after",
          "[upstream][registry]") {
  Registry registry;
  auto first = registry.get("app", nth_address(1), "", clear());
  auto second = registry.get("app", nth_address(2), "", clear());
  CHECK(first->id() != second->id());
  const auto id = first->id();
  const auto held = first;
  first.reset();
  CHECK(registry.get("app", nth_address(3), "", clear())->id() != id);
  CHECK(registry.get("app", nth_address(1), "", clear()) == held);
}

TEST_CASE("who has an id anew is told apart from who had it", "[upstream][registry]") {
  Registry registry;
  auto endpoint = registry.get("app", nth_address(1), "", clear());
  const auto id = endpoint->id();
  const auto generation = endpoint->generation();
  endpoint.reset();
  endpoint = registry.get("app", nth_address(2), "", clear());
  CHECK(endpoint->id() == id);
  CHECK(endpoint->generation() != generation);
}

TEST_CASE("an endpoint may outlive its registry", "[upstream][registry]") {
  auto registry = std::make_unique<Registry>();
  const auto endpoint = registry->get("app", nth_address(1), "", clear());
  registry.reset();
  CHECK(endpoint->name() == "10.0.0.1:80");
}

TEST_CASE("names that rotate leave nothing behind", "[upstream][registry]") {
  constexpr unsigned kRotations = 100'000;
  constexpr unsigned kAtOnce = 4;
  Registry registry;
  net::Loop loop;
  Connections connections(loop);
  std::vector<std::shared_ptr<Endpoint>> serving;
  std::uint32_t highest = 0;
  int kept = 0;
  for (unsigned n = 0; n < kRotations; ++n) {
    auto endpoint = registry.get("app", nth_address(n), "app.test", clear());
    registry.state("pool " + std::to_string(n));
    connections.keep(*endpoint);
    kept += connections.take(*endpoint, false) != nullptr ? 1 : 0;
    highest = std::max(highest, endpoint->id());
    serving.push_back(std::move(endpoint));
    if (serving.size() < kAtOnce) continue;
    connections.retire(*serving.front(), 1'000'000'000'000);
    serving.erase(serving.begin());
  }
  CHECK(kept == 0);
  CHECK(highest < kAtOnce);
  CHECK(connections.slot_count() <= kAtOnce);
  CHECK(registry.size() < 1'000);
}
