#include "sluice/limits/tally.hpp"

#include <string>

#include <catch2/catch.hpp>

using sluice::limits::Tally;

namespace {

std::uint64_t rejected(const Tally& tally, const std::string& limit, const std::string& tenant) {
  for (const Tally::Row& row : tally.rows()) {
    if (row.limit == limit && row.tenant == tenant) return row.rejected;
  }
  return 0;
}

std::uint64_t all(const Tally& tally) {
  std::uint64_t sum = 0;
  for (const Tally::Row& row : tally.rows())
    sum += row.rejected;
  return sum;
}

}  // namespace

TEST_CASE("refusals are counted by limit and tenant", "[limits][tally]") {
  Tally tally;
  tally.count(Tally::What::rejected, "gold", "acme", true);
  tally.count(Tally::What::rejected, "gold", "acme", true);
  tally.count(Tally::What::rejected, "gold", "", true);
  tally.count(Tally::What::reported, "new", "acme", true);
  CHECK(rejected(tally, "gold", "acme") == 2);
  CHECK(rejected(tally, "gold", "") == 1);
  CHECK(rejected(tally, "new", "acme") == 0);
  CHECK(tally.rows().size() == 3);
}

TEST_CASE("however many tenants are made up, rows are few and sums are right", "[limits][tally]") {
  Tally tally;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < Tally::kMostTenants + 50; ++i)
      tally.count(Tally::What::rejected, "gold", "tenant-" + std::to_string(i), true);
  }
  CHECK(tally.rows().size() == Tally::kMostTenants + 1);
  CHECK(rejected(tally, "gold", "tenant-0") == 2);
  CHECK(rejected(tally, "gold", "_other") == 100);
  CHECK(all(tally) == 2 * (Tally::kMostTenants + 50));
}

TEST_CASE("tenants that clients make up take no row from those that are listed", "[limits][tally]") {
  Tally tally;
  for (std::size_t i = 0; i < 1000; ++i)
    tally.count(Tally::What::rejected, "gold", "made-up-" + std::to_string(i), false);
  CHECK(rejected(tally, "gold", "_other") == 1000 - Tally::kMostTenants);
  for (std::size_t i = 0; i < Tally::kMostTenants + 1; ++i)
    tally.count(Tally::What::rejected, "gold", "listed-" + std::to_string(i), true);
  CHECK(rejected(tally, "gold", "listed-0") == 1);
  CHECK(rejected(tally, "gold", "listed-99") == 1);
  CHECK(rejected(tally, "gold", "_other") == 1001);  // the last of the listed is among them
  CHECK(tally.rows().size() == Tally::kMostTenants + 1);
  CHECK(all(tally) == 1101);
}

TEST_CASE("nor do limits without end make rows without end", "[limits][tally]") {
  Tally tally;
  for (std::size_t i = 0; i < Tally::kMostRows + 10; ++i)
    tally.count(Tally::What::rejected, "limit-" + std::to_string(i), "acme", true);
  CHECK(tally.rows().size() == Tally::kMostRows + 1);
  CHECK(rejected(tally, "_other", "_other") == 10);
  CHECK(all(tally) == Tally::kMostRows + 10);
}
