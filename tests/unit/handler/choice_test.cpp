// Which server a request is given, and which one after that.
#include "sluice/handler/choice.hpp"

#include "unit/upstream/members.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::handler;
using namespace sluice::test;
using upstream::kNobody;

namespace {

// A pool of three servers, and one request to it.
struct Stage {
  explicit Stage(upstream::Rules rules = {}, std::uint32_t most_active = 0)
      : members(make_members({1, 1, 1})), state(std::make_shared<upstream::PoolState>("app")) {
    for (upstream::Member& member : members)
      member.most_active = most_active;
    group = std::make_unique<upstream::Group>(upstream::BalanceSpec{}, std::move(rules), members, state);
    balancer = std::make_unique<upstream::Balancer>(*group, 1);
  }
  std::uint32_t active(std::size_t at) const { return members[at].endpoint->active(); }
  std::uint32_t all_active() const { return active(0) + active(1) + active(2); }

  upstream::Members members;
  std::shared_ptr<upstream::PoolState> state;
  std::unique_ptr<upstream::Group> group;
  std::unique_ptr<upstream::Balancer> balancer;
  http::Exchange exchange;
};

upstream::Rules generous() {
  upstream::Rules out;
  out.retry.attempts = 3;
  out.retry.budget = 100;
  out.retry.budget_min = 100;
  return out;
}

}  // namespace

TEST_CASE("a place is taken when it is reserved, and given back at the end", "[handler][choice]") {
  Stage stage;
  {
    Choice choice(stage.exchange, *stage.balancer);
    CHECK_FALSE(choice.reserved());
    REQUIRE(choice.reserve(kNow));
    CHECK(choice.reserved());
    CHECK(stage.all_active() == 1);
    const upstream::Member& asked = choice.advance();
    CHECK_FALSE(choice.reserved());
    CHECK(&choice.endpoint() == asked.endpoint.get());
    CHECK(stage.all_active() == 1);
    choice.end();
    CHECK(stage.all_active() == 0);
  }
  {
    Choice choice(stage.exchange, *stage.balancer);
    REQUIRE(choice.reserve(kNow));
  }
  CHECK(stage.all_active() == 0);  // also where nobody was asked
}

TEST_CASE("another try goes to another server, until there is none", "[handler][choice]") {
  Stage stage(generous());
  Choice choice(stage.exchange, *stage.balancer);
  REQUIRE(choice.reserve(kNow));
  std::vector<std::size_t> asked;
  choice.advance();
  asked.push_back(choice.index());
  for (int i = 0; i < 2; ++i) {
    CHECK(choice.has_other(kNow));
    REQUIRE(choice.reserve_other(upstream::RetryReason::connect, kNow));
    choice.advance();
    asked.push_back(choice.index());
    CHECK(stage.all_active() == 1);  // the one that failed has its place back
  }
  std::sort(asked.begin(), asked.end());
  CHECK(asked == std::vector<std::size_t>{0, 1, 2});
  CHECK_FALSE(choice.has_other(kNow));
  CHECK_FALSE(choice.reserve_other(upstream::RetryReason::connect, kNow));
}

TEST_CASE("without a budget nobody else is asked, and no place is kept", "[handler][choice]") {
  upstream::Rules rules = generous();
  rules.retry.budget = 0;
  rules.retry.budget_min = 0;
  Stage stage(rules);
  Choice choice(stage.exchange, *stage.balancer);
  REQUIRE(choice.reserve(kNow));
  choice.advance();
  CHECK_FALSE(choice.reserve_other(upstream::RetryReason::reset, kNow));
  CHECK_FALSE(choice.reserved());
  CHECK(stage.all_active() == 1);
}

TEST_CASE("full servers: there is room again when a place is given back", "[handler][choice]") {
  Stage stage({}, 1);
  std::vector<std::unique_ptr<Choice>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<Choice>(stage.exchange, *stage.balancer));
    REQUIRE(others.back()->reserve(kNow));
  }
  Choice choice(stage.exchange, *stage.balancer);
  CHECK_FALSE(choice.reserve(kNow));
  CHECK(choice.waiting_helps(kNow));
  CHECK(choice.room(kNow) == 0);
  others.pop_back();
  CHECK(choice.room(kNow) == 1);
  CHECK(choice.reserve(kNow));
}

TEST_CASE("a client comes back to the server that its cookie names", "[handler][choice]") {
  upstream::Rules rules = generous();
  rules.sticky.emplace();
  rules.sticky->cookie = "srv";
  Stage stage(rules);
  for (std::size_t bound = 0; bound < 3; ++bound) {
    const std::string cookie = "srv=" + std::string(stage.group->sticky()->name(bound));
    http::Exchange exchange;
    exchange.request.fields.add(exchange.arena, "Cookie", cookie, http::FieldId::cookie);
    Choice choice(exchange, *stage.balancer);
    CHECK(choice.bound_to() == bound);
    REQUIRE(choice.reserve(kNow));
    choice.advance();
    CHECK(choice.index() == bound);
    // Where that one failed, the cookie does not bind.
    REQUIRE(choice.reserve_other(upstream::RetryReason::connect, kNow));
    choice.advance();
    CHECK(choice.index() != bound);
  }
  CHECK(Choice(stage.exchange, *stage.balancer).bound_to() == kNobody);
}
