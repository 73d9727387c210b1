#include "control/pools.hpp"

#include "unit/upstream/members.hpp"

#include <cerrno>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

// A runtime with one pool of these servers.
proxy::Runtime runtime_of(const upstream::Members& members) {
  proxy::Runtime out;
  out.groups.push_back(std::make_shared<upstream::Group>(upstream::BalanceSpec{}, upstream::Rules{}, members,
                                                         std::make_shared<upstream::PoolState>("app")));
  return out;
}

boost::json::object server_json(const proxy::Runtime& runtime, std::size_t index) {
  return pools_json(runtime).at(0).as_object().at("servers").as_array().at(index).as_object();
}

std::string state(const proxy::Runtime& runtime, std::size_t index) {
  return server_json(runtime, index).at("state").as_string().c_str();
}

}  // namespace

TEST_CASE("a pool is listed with its servers, their load and their bounds", "[control][pools]") {
  upstream::Members members = test::make_members({3, 1});
  members[1].backup = true;
  members[1].most_active = 7;
  members[0].endpoint->acquire(0);
  const auto runtime = runtime_of(members);
  const auto all = pools_json(runtime);
  REQUIRE(all.size() == 1);
  CHECK(all[0].at("pool") == "app");
  CHECK(all[0].at("panic") == false);
  CHECK(all[0].at("queued") == 0);
  const auto first = server_json(runtime, 0);
  CHECK(first.at("server") == "10.0.0.1:80");
  CHECK(first.at("state") == "unchecked");
  CHECK(first.at("weight") == 3);
  CHECK(first.at("backup") == false);
  CHECK(first.at("active") == 1);
  CHECK_FALSE(first.contains("max_connections"));
  CHECK_FALSE(first.contains("check"));
  CHECK_FALSE(first.contains("ejections"));
  CHECK(server_json(runtime, 1).at("backup") == true);
  CHECK(server_json(runtime, 1).at("max_connections") == 7);
  members[0].endpoint->release();
}

TEST_CASE("the operator's word comes before the checks', and theirs before the traffic's",
          "[control][pools]") {
  const upstream::Members members = test::make_members({1});
  const auto runtime = runtime_of(members);
  upstream::Condition& condition = members[0].endpoint->condition();
  condition.set_up(false, steady_now());
  CHECK(state(runtime, 0) == "down");
  condition.set_duty(upstream::Duty::drain, steady_now());
  CHECK(state(runtime, 0) == "drain");
  condition.set_duty(upstream::Duty::maintenance, steady_now());
  CHECK(state(runtime, 0) == "maintenance");
  condition.set_duty(upstream::Duty::ready, steady_now());
  condition.set_up(true, steady_now());
  members[0].endpoint->answered();
  CHECK(state(runtime, 0) == "up");
}

TEST_CASE("a server that nobody has heard of is unchecked, one that refuses is down", "[control][pools]") {
  const upstream::Members members = test::make_members({1});
  const auto runtime = runtime_of(members);
  upstream::Endpoint& endpoint = *members[0].endpoint;
  CHECK(state(runtime, 0) == "unchecked");
  CHECK_FALSE(server_json(runtime, 0).contains("unreachable"));
  endpoint.connect_failed(
      steady_now() - 3'000'000'000,
      {.kind = ErrorKind::connect_refused, .side = Side::upstream, .cause = ECONNREFUSED});
  CHECK(state(runtime, 0) == "down");
  const auto unreachable = server_json(runtime, 0).at("unreachable").as_object();
  CHECK(unreachable.at("reason") == "connection refused");
  CHECK(unreachable.at("ago_s").as_double() == Approx(3).epsilon(0.1));
  SECTION("until a connection is made") {
    endpoint.connect_succeeded(steady_now());
    CHECK(state(runtime, 0) == "unchecked");
    endpoint.answered();
    CHECK(state(runtime, 0) == "up");
  }
  SECTION("or a later check passes") {
    const auto now_ms = static_cast<std::int64_t>(std::time(nullptr)) * 1000;
    endpoint.condition().report({true, "", now_ms - 60'000, 1'526'107, 0});
    CHECK(state(runtime, 0) == "down");
    endpoint.condition().report({true, "", now_ms, 1'526'107, 0});
    CHECK(state(runtime, 0) == "up");
    CHECK_FALSE(server_json(runtime, 0).contains("unreachable"));
  }
}

TEST_CASE("metrics have a sample for each pool and each server", "[control][pools]") {
  const upstream::Members members = test::make_members({1, 1});
  members[1].endpoint->condition().set_up(false, steady_now());
  const auto runtime = runtime_of(members);
  const auto pools = pool_samples(runtime);
  REQUIRE(pools.size() == 1);
  CHECK(pools[0].pool == "app");
  CHECK(pools[0].retries.size() == upstream::kRetryReasons);
  const auto servers = server_samples(runtime);
  REQUIRE(servers.size() == 2);
  CHECK(servers[0].up);
  CHECK_FALSE(servers[1].up);
}
