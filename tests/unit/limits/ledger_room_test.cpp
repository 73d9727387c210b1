// How much the ledger remembers, and what it forgets first.
#include "sluice/limits/ledger.hpp"

#include "unit/limits/keys.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;
using namespace sluice::limits::testing;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;
constexpr std::size_t kMiB = 1024 * 1024;

const Terms kTerms = Terms::of(1, kSecond, 10);

}  // namespace

TEST_CASE("a million clients take less than 64 MiB, none of them is forgotten, and all of it comes back",
          "[limits]") {
  constexpr std::size_t kClients = Ledger::kDefaultMost;
  Ledger ledger;
  const std::size_t empty = ledger.memory();
  for (std::size_t i = 0; i < kClients; ++i)
    ledger.take(client_key(i), kTerms, 5, kStart);
  CHECK(ledger.size() == kClients);
  CHECK(ledger.evicted() == 0);
  CHECK(ledger.memory() < 64 * kMiB);
  ledger.sweep(kStart + kSecond);
  CHECK(ledger.size() == kClients);
  ledger.sweep(kStart + 6 * kSecond);
  CHECK(ledger.size() == 0);
  CHECK(ledger.memory() < empty + kMiB / 8);
}

TEST_CASE("memory comes back too where some are still remembered", "[limits]") {
  Ledger ledger;
  for (std::size_t i = 0; i < 300'000; ++i)
    ledger.take(client_key(i), kTerms, i % 300 == 0 ? 10 : 1, kStart);
  const std::size_t full = ledger.memory();
  ledger.sweep(kStart + 5 * kSecond);
  CHECK(ledger.size() == 1'000);
  CHECK(ledger.memory() < full / 4);
}

TEST_CASE("there is room for so many, and for one more where another one goes", "[limits]") {
  const auto most = GENERATE(1'000U, 5'000U, 20'000U);
  Ledger ledger;
  ledger.set_most(most);
  for (std::size_t i = 0; i < most; ++i)
    ledger.take(client_key(i), kTerms, 5, kStart);
  CHECK(ledger.size() == most);
  CHECK(ledger.evicted() == 0);
  for (std::size_t i = 0; i < 10'000; ++i)
    ledger.take(client_key(most + i), kTerms, 5, kStart);
  CHECK(ledger.size() <= most + 256);  // one for each shard that had none to give
  CHECK(ledger.evicted() >= 9'000);
}

TEST_CASE("bounded buckets and those inside stay, whoever comes", "[limits]") {
  constexpr std::size_t kTenants = 2'000;
  Ledger ledger;
  ledger.set_most(1'000);
  for (std::size_t i = 0; i < kTenants; ++i) {
    REQUIRE(ledger.take(bounded_key("standard", std::to_string(i)), kTerms, 10, kStart).passed);
    REQUIRE(ledger.enter(key_of("flight", std::to_string(i)), 1).passed);
  }
  for (std::size_t i = 0; i < 50'000; ++i)
    ledger.take(client_key(i), kTerms, 5, kStart);
  ledger.set_most(10);
  ledger.sweep(kStart);
  for (std::size_t i = 0; i < kTenants; ++i) {
    REQUIRE_FALSE(ledger.take(bounded_key("standard", std::to_string(i)), kTerms, 1, kStart).passed);
    REQUIRE_FALSE(ledger.enter(key_of("flight", std::to_string(i)), 1).passed);
  }
}

TEST_CASE("of those that owe the same, nobody stays for ever", "[limits]") {
  const std::size_t most = GENERATE(as<std::size_t>{}, 256, 1'000, 5'000);
  Ledger ledger;
  ledger.set_most(most);
  for (std::size_t i = 0; i < 30 * most; ++i)
    ledger.take(client_key(i), kTerms, 10, kStart);
  for (std::size_t i = 0; i < most; ++i) {
    CAPTURE(i);
    REQUIRE(ledger.take(client_key(i), kTerms, 1, kStart).passed);
  }
}

TEST_CASE("who keeps coming, and who is far beyond, outlives those who were seen once", "[limits]") {
  Ledger ledger;
  ledger.set_most(10'000);
  const Key guesser = key_of("login", "guesser");
  const Terms slow = Terms::of(5, 3600 * kSecond, 5);
  REQUIRE(ledger.take(guesser, slow, 5, kStart).passed);
  const Key regular = client_key(0);
  for (std::size_t i = 1; i < 500'000; ++i) {
    ledger.take(client_key(i), kTerms, 1, kStart);
    if (i % 1'000 == 0) ledger.take(regular, kTerms, 1, kStart);
  }
  CHECK_FALSE(ledger.take(guesser, slow, 1, kStart).passed);
  CHECK_FALSE(ledger.take(regular, kTerms, 1, kStart).passed);
}

TEST_CASE("a key that becomes a tenant's own stays, and the other way round", "[limits]") {
  Ledger ledger;
  ledger.set_most(1'000);
  const Key tenant = bounded_key("standard", "acme");
  Key client = tenant;
  client.bounded = false;
  REQUIRE(ledger.take(client, kTerms, 5, kStart).passed);
  REQUIRE(ledger.take(tenant, kTerms, 5, kStart).passed);
  for (std::size_t i = 0; i < 50'000; ++i)
    ledger.take(client_key(i), kTerms, 6, kStart);
  CHECK_FALSE(ledger.take(tenant, kTerms, 1, kStart).passed);
  CHECK_FALSE(ledger.take(client, kTerms, 1, kStart).passed);
}

TEST_CASE("fewer are remembered after fewer are asked for", "[limits]") {
  Ledger ledger;
  for (std::size_t i = 0; i < 100'000; ++i)
    ledger.take(client_key(i), kTerms, 5, kStart);
  ledger.set_most(1'000);
  for (int i = 0; i < 4; ++i)  // shards with less than their share leave it to others
    ledger.sweep(kStart);
  CHECK(ledger.size() <= 1'000 + 256);
  CHECK(ledger.memory() < 8 * kMiB);
}
