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
