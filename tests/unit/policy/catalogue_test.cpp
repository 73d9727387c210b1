#include "sluice/policy/catalogue.hpp"

#include "unit/policy/visited.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using policy::Policy;

TEST_CASE("nothing set, nothing compiled", "[policy][catalogue]") { CHECK(policy::compile({}) == nullptr); }

TEST_CASE("a route's bound on bodies is put in the place of its listener's", "[policy][body-limit]") {
  for (const std::uint64_t most : {std::uint64_t{0}, std::uint64_t{10}, std::uint64_t{10'000}}) {
    const auto chain = policy::compile({.max_body = most, .limits = {}});
    REQUIRE(chain != nullptr);
    REQUIRE(chain->all().size() == 1);
    CHECK(chain->all()[0]->name() == "max.body");
    test::Visited visited;
    visited.exchange.max_body = 1000;
    CHECK(chain->admit(visited.visit) == Policy::Verdict::pass);
    CHECK(visited.exchange.max_body == most);
  }
}
