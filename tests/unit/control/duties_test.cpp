#include "control/duties.hpp"

#include "unit/upstream/members.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;
using Words = std::vector<std::string>;

namespace {

upstream::Member named(const std::string& address, const std::string& host) {
  return {std::make_shared<upstream::Endpoint>("app", address, host, SocketAddress::parse(address).value(),
                                               std::make_shared<const upstream::Wire>(), 7),
          1};
}

proxy::Runtime runtime_of(const upstream::Members& members) {
  proxy::Runtime out;
  for (const char* name : {"app", "assets"}) {
    out.groups.push_back(std::make_shared<upstream::Group>(
        upstream::BalanceSpec{}, upstream::Rules{}, members, std::make_shared<upstream::PoolState>(name)));
  }
  return out;
}

}  // namespace

TEST_CASE("a server is found by its address, and by the name that the file has", "[control][duties]") {
  const auto runtime = runtime_of({named("10.0.0.1:80", ""), named("10.0.0.2:80", "a.test"),
                                   named("10.0.0.3:80", "a.test"), named("10.0.0.4:81", "a.test")});
  DutyOutcome outcome;
  const auto found = [&](const char* pool, const char* server) {
    return find_servers(runtime, pool, server, outcome);
  };
  CHECK((found("app", "10.0.0.1:80") == Words{"10.0.0.1:80"}));
  CHECK((found("app", "a.test:80") == Words{"10.0.0.2:80", "10.0.0.3:80"}));
  CHECK((found("assets", "10.0.0.4:81") == Words{"10.0.0.4:81"}));
  CHECK(outcome.error.empty());
}

TEST_CASE("what is not there is said, with what is", "[control][duties]") {
  const auto runtime = runtime_of(test::make_members(std::vector<std::uint32_t>(12, 1)));
  DutyOutcome outcome;
  CHECK(find_servers(runtime, "asset", "10.0.0.1:80", outcome).empty());
  CHECK(outcome.error == "there is no pool \"asset\"");
  CHECK(outcome.hint == "did you mean \"assets\"? the pools are app, assets");
  CHECK(find_servers(runtime, "app", "10.0.0.77:80", outcome).empty());
  CHECK(outcome.error == "pool app has no server 10.0.0.77:80");
  CHECK(outcome.hint.find("the servers are 10.0.0.1:80, ") != std::string::npos);
  CHECK(outcome.hint.ends_with("10.0.0.10:80 and 2 more"));
  find_servers(runtime_of({}), "app", "10.0.0.1:80", outcome);
  CHECK(outcome.hint == "there are no servers");
}
