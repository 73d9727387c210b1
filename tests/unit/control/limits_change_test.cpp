#include "control/limits_change.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using config::KeyPart;
using config::LimitKind;

namespace {

config::Limit rate(std::string name, std::uint64_t count) {
  config::Limit out;
  out.name = std::move(name);
  out.rate = {count, std::chrono::seconds(1)};
  out.burst = 10;
  out.key = {{KeyPart::Of::tenant, "", {}}, {KeyPart::Of::header, "x-user", {}}};
  return out;
}

config::Document with(std::vector<config::Limit> limits, const std::vector<std::string>& tenants = {}) {
  config::Document out;
  out.limits = std::move(limits);
  if (!tenants.empty()) out.tenants.emplace();
  for (const std::string& tenant : tenants)
    out.tenants->items.emplace_back().name = tenant;
  return out;
}

using Change = void (*)(config::Limit&);

}  // namespace

TEST_CASE("nothing changes for limits that are as they were", "[control]") {
  config::Limit moved = rate("standard", 5);
  moved.at.line = 7;
  moved.key[0].at.line = 7;
  moved.match.methods.push_back({"GET", {}});
  const config::Document before = with({rate("standard", 5)}, {"acme"});
  CHECK(control::limits_change(before, with({rate("new", 1), moved}, {"other", "acme"})).empty());
}

TEST_CASE("a limit with another rate or burst is settled", "[control]") {
  const auto change = GENERATE(Change{[](config::Limit& limit) { limit.rate.count = 7; }},
                               Change{[](config::Limit& limit) { limit.rate.period *= 60; }},
                               Change{[](config::Limit& limit) { limit.burst = 20; }});
  config::Limit after = rate("standard", 5);
  change(after);
  const auto changes =
      control::limits_change(with({rate("a", 1), rate("standard", 5)}), with({after, rate("a", 1)}));
  CHECK(changes.limits_gone.empty());
  REQUIRE(changes.limits.size() == 1);
  CHECK(changes.limits.at(limits::tag_of("standard")) ==
        limits::Terms::of(after.rate.count, nanos(after.rate.period), after.burst));
}

TEST_CASE("a limit that counts something else begins anew", "[control]") {
  const auto change = GENERATE(Change{[](config::Limit& limit) { limit.name = "renamed"; }},
                               Change{[](config::Limit& limit) { limit.kind = LimitKind::bytes; }},
                               Change{[](config::Limit& limit) { limit.kind = LimitKind::concurrency; }},
                               Change{[](config::Limit& limit) { limit.key.pop_back(); }},
                               Change{[](config::Limit& limit) { limit.key.push_back(limit.key.front()); }},
                               Change{[](config::Limit& limit) { std::swap(limit.key[0], limit.key[1]); }},
                               Change{[](config::Limit& limit) { limit.key[0].of = KeyPart::Of::host; }},
                               Change{[](config::Limit& limit) { limit.key[1].name = "x-account"; }},
                               Change{[](config::Limit& limit) { limit.v4_prefix = 24; }},
                               Change{[](config::Limit& limit) { limit.v6_prefix = 48; }});
  config::Limit after = rate("standard", 5);
  change(after);
  const auto changes = control::limits_change(with({rate("standard", 5)}), with({after}));
  CHECK(changes.limits.empty());
  CHECK(changes.limits_gone == std::unordered_set<std::uint32_t>{limits::tag_of("standard")});
}

TEST_CASE("tenants that are no more are forgotten", "[control]") {
  const config::Document before = with({}, {"a", "b", "c"});
  using Tags = std::unordered_set<std::uint32_t>;
  CHECK(control::limits_change(before, with({}, {"c", "d", "a"})).tenants_gone == Tags{limits::tag_of("b")});
  CHECK(control::limits_change(before, with({})).tenants_gone.size() == 3);
  CHECK(control::limits_change(with({}), before).tenants_gone.empty());
}
