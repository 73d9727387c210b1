#include "sluice/policy/catalogue.hpp"

#include "unit/policy/visited.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using policy::Policy;

TEST_CASE("nothing set, nothing compiled", "[policy][catalogue]") { CHECK(policy::compile({}) == nullptr); }

TEST_CASE("an announced body may be as long as the bound, and no longer", "[policy][body-limit]") {
  const auto chain = policy::compile({.max_body = 1000, .limits = {}});
  REQUIRE(chain != nullptr);
  REQUIRE(chain->all().size() == 1);
  CHECK(chain->all()[0]->name() == "max.body");
  struct Case {
    http::Framing framing;
    std::uint64_t length;
    bool passes;
  };
  const Case cases[] = {{http::Framing::length, 1000, true},
                        {http::Framing::length, 1001, false},
                        {http::Framing::none, 0, true},
                        // Nobody knows yet, and the codec will count.
                        {http::Framing::chunked, 0, true}};
  for (const Case& c : cases) {
    CAPTURE(c.length);
    test::Visited visited;
    http::Exchange& exchange = visited.exchange;
    exchange.request.framing = c.framing;
    exchange.request.length = c.length;
    CHECK((chain->admit(visited.visit) == Policy::Verdict::pass) == c.passes);
    CHECK(visited.client.closes == !c.passes);
    CHECK(exchange.response.status == (c.passes ? 0 : 413));
  }
}
