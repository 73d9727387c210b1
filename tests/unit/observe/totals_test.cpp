#include "sluice/observe/totals.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using observe::Totals;

TEST_CASE("totals of all workers are added up, by status", "[observe][totals]") {
  Totals first;
  Totals second;
  http::Record record;
  record.bytes_in = 3;
  record.bytes_out = 5;
  first.add(200, record);
  second.add(200, record);
  second.add(599, record);
  second.add(0, record);
  second.add(60'000, record);  // nobody says that, and it must not lead anywhere
  const Totals::Sum sum = Totals::sum({&first, &second});
  REQUIRE(sum.requests.size() == 3);
  CHECK(sum.requests[0].status == 0);
  CHECK(sum.requests[0].count == 2);
  CHECK(sum.requests[1].status == 200);
  CHECK(sum.requests[1].count == 2);
  CHECK(sum.requests[2].status == 599);
  CHECK(sum.requests[2].count == 1);
  CHECK(sum.bytes_in == 15);
  CHECK(sum.bytes_out == 25);
  CHECK(Totals::sum({}).requests.empty());
}

TEST_CASE("broken rules are counted by side", "[observe][totals]") {
  Totals first;
  Totals second;
  const auto counted = [&](Side side, Rule rule) {
    std::uint64_t out = 0;
    for (const auto& one : Totals::sum({&first, &second}).refused) {
      if (one.side == side && one.rule == rule) out += one.count;
    }
    return out;
  };
  http::Record record;
  record.rule = Rule::bad_length;
  first.add(400, record);
  record.rule_side = Side::upstream;
  first.add(502, record);
  second.add(502, record);
  CHECK(counted(Side::downstream, Rule::bad_length) == 1);
  CHECK(counted(Side::upstream, Rule::bad_length) == 2);
  // A client's connection is told of once, whatever was under way on it; a server's by those that waited.
  second.refused(Side::downstream, Rule::h2_settings);
  record.rule = Rule::h2_settings;
  first.add(502, record);
  record.rule_side = Side::downstream;
  first.add(0, record);
  CHECK(counted(Side::downstream, Rule::h2_settings) == 1);
  CHECK(counted(Side::upstream, Rule::h2_settings) == 1);
}

TEST_CASE("rules that may still be broken are there from the start, on their side", "[observe][totals]") {
  for (const auto& [side, rule, count] : Totals::sum({}).refused) {
    CHECK(concerns(rule, side));
    CHECK(count == 0);
  }
  CHECK(Totals::sum({}).refused.size() > kRules);
}
