#include "sluice/upstream/endpoint.hpp"

#include "sluice/upstream/registry.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;

namespace {

constexpr Nanos kMilli = 1'000'000;

SocketAddress address(const char* text) { return SocketAddress::parse(text).value(); }

std::shared_ptr<const Wire> wire(bool h2 = false) {
  Wire made;
  made.h2 = h2;
  made.key = h2 ? "h2" : "";
  return std::make_shared<const Wire>(std::move(made));
}

}  // namespace

TEST_CASE("a server that does not take connections rests longer each time, up to eight seconds",
          "[upstream][endpoint]") {
  Endpoint endpoint("app", "a", "", address("10.0.0.1:80"), wire(), 0);
  Nanos now = 1'000'000 * kMilli;
  CHECK_FALSE(endpoint.resting(now));
  for (const Nanos rest : {250, 500, 1000, 2000, 4000, 8000, 8000, 8000}) {
    CAPTURE(rest);
    endpoint.connect_failed(now);
    CHECK(endpoint.resting(now));
    CHECK(endpoint.resting(now + rest * kMilli - 1));
    CHECK_FALSE(endpoint.resting(now + rest * kMilli));
    now += 60'000 * kMilli;
  }
  for (int i = 0; i < 100; ++i)
    endpoint.connect_failed(now);
  CHECK(endpoint.resting(now + 7999 * kMilli));
  CHECK_FALSE(endpoint.resting(now + 8000 * kMilli));
}

TEST_CASE("requests that run into one outage together count as one", "[upstream][endpoint]") {
  Endpoint endpoint("app", "a", "", address("10.0.0.1:80"), wire(), 0);
  const Nanos now = 1'000'000 * kMilli;
  for (int i = 0; i < 20; ++i)
    endpoint.connect_failed(now + i);
  CHECK(endpoint.resting(now + 249 * kMilli));
  CHECK_FALSE(endpoint.resting(now + 250 * kMilli));
}

TEST_CASE("a connection that works ends the rest and its memory", "[upstream][endpoint]") {
  Endpoint endpoint("app", "a", "", address("10.0.0.1:80"), wire(), 0);
  const Nanos now = 1'000'000 * kMilli;
  Nanos later = now;
  for (int i = 0; i < 5; ++i, later += 60'000 * kMilli)
    endpoint.connect_failed(later);
  endpoint.connect_succeeded(0);
  CHECK_FALSE(endpoint.resting(later));
  endpoint.connect_failed(now);
  CHECK_FALSE(endpoint.resting(now + 250 * kMilli));
}

TEST_CASE("requests are counted over all threads", "[upstream][endpoint]") {
  Endpoint endpoint("app", "a", "", address("10.0.0.1:80"), wire(), 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) {
        endpoint.acquire(0);
        endpoint.acquire(0);
        endpoint.release();
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(endpoint.active() == 40'000);
}

TEST_CASE("an endpoint is found again by pool, address, name and wire while somebody holds it",
          "[upstream][endpoint]") {
  Registry registry;
  const auto first = registry.get("app", address("10.0.0.1:80"), "", wire());
  CHECK(first->pool() == "app");
  CHECK(first->name() == "10.0.0.1:80");
  CHECK(first->address() == address("10.0.0.1:80"));
  CHECK(registry.get("app", address("10.0.0.1:80"), "", wire()) == first);
  CHECK(registry.get("app", address("10.0.0.1:81"), "", wire()) != first);
  CHECK(registry.get("app", address("10.0.0.2:80"), "", wire()) != first);
  CHECK(registry.get("other", address("10.0.0.1:80"), "", wire()) != first);
  CHECK(registry.get("app", address("unix:/run/a.sock"), "", wire())->name() == "unix:/run/a.sock");
  // Connections of one kind are of no use where another is spoken; a name counts only where TLS asks for it.
  CHECK(registry.get("app", address("10.0.0.1:80"), "", wire(true)) != first);
  CHECK(registry.get("app", address("10.0.0.1:80"), "app.example.test", wire()) == first);
}

TEST_CASE("registering a server costs the same however many there are", "[upstream][endpoint]") {
  // A reload of ten thousand pools has less than a second. Linear, this takes a twentieth of the limit under
  // a sanitizer; with a look at all the others for each, several times the limit.
  Registry registry;
  std::vector<std::shared_ptr<Endpoint>> held;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":80";
    held.push_back(registry.get("app", address(text.c_str()), "", wire()));
  }
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
}
