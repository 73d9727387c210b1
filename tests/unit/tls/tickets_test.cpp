#include "sluice/tls/server_context.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include <catch2/catch.hpp>

using sluice::tls::TicketKeys;

namespace {

bool same(const TicketKeys::Key& a, const TicketKeys::Key& b) {
  return a.name == b.name && a.cipher == b.cipher && a.mac == b.mac;
}

}  // namespace

TEST_CASE("the newest key seals and opens", "[tls][tickets]") {
  const TicketKeys keys;
  const TicketKeys::Key newest = keys.newest();
  TicketKeys::Key found{};
  bool old = true;
  REQUIRE(keys.find(newest.name.data(), found, old));
  CHECK(same(found, newest));
  CHECK_FALSE(old);
}

TEST_CASE("after a rotation the key before still opens, and asks for renewal", "[tls][tickets]") {
  TicketKeys keys;
  const TicketKeys::Key first = keys.newest();
  TicketKeys::Key found{};
  bool old = false;
  keys.rotate();
  const TicketKeys::Key second = keys.newest();
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  CHECK(second.mac != first.mac);
  REQUIRE(keys.find(first.name.data(), found, old));
  CHECK(same(found, first));
  CHECK(old);
  // A ticket sealed just before a rotation lives one whole lifetime more.
  keys.rotate();
  REQUIRE(keys.find(first.name.data(), found, old));
  CHECK(same(found, first));
  REQUIRE(keys.find(second.name.data(), found, old));
  CHECK(same(found, second));
  keys.rotate();
  CHECK_FALSE(keys.find(first.name.data(), found, old));
  CHECK(keys.find(second.name.data(), found, old));
}

TEST_CASE("keys of others and names of nobody open nothing", "[tls][tickets]") {
  const TicketKeys keys;
  const TicketKeys others;
  TicketKeys::Key found{};
  bool old = false;
  CHECK_FALSE(keys.find(others.newest().name.data(), found, old));
  const unsigned char zeros[16]{};
  CHECK_FALSE(keys.find(zeros, found, old));
}

TEST_CASE("keys are wiped where they and their copies go", "[tls][tickets]") {
  TicketKeys::Key known{};
  const auto holds = [&](const unsigned char* from, std::size_t size) {
    const auto part = [&](const auto& secret) {
      return std::search(from, from + size, secret.begin(), secret.end()) != from + size;
    };
    return part(known.cipher) || part(known.mac);
  };
  alignas(TicketKeys) static unsigned char room[sizeof(TicketKeys)];
  auto* keys = new (room) TicketKeys;
  known = keys->newest();
  keys->rotate();
  REQUIRE(holds(room, sizeof room));  // it still opens
  std::destroy_at(keys);
  CHECK_FALSE(holds(room, sizeof room));

  auto* copy = new (room) TicketKeys::Key(known);
  REQUIRE(holds(room, sizeof *copy));
  std::destroy_at(copy);
  CHECK_FALSE(holds(room, sizeof room));
}
