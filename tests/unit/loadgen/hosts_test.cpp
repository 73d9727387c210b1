#include "loadgen/hosts.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <map>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice::bench;

namespace {

std::map<std::string, int> count(const Hosts& hosts, int requests) {
  std::map<std::string, int> counts;
  for (int i = 0; i < requests; ++i)
    ++counts[hosts.at(static_cast<std::uint64_t>(i))];
  return counts;
}

}  // namespace

TEST_CASE("a pattern makes host names", "[loadgen][hosts]") {
  CHECK(host_name("tenant-{n}.example.test", 12) == "tenant-12.example.test");
  CHECK(host_name("{n}", 1) == "1");
  CHECK_THROWS_AS(host_name("tenant.example.test", 1), sluice::toolkit::UsageError);
}

TEST_CASE("the port is not part of a name", "[loadgen][hosts]") {
  CHECK(without_port("a.test:81") == "a.test");
  CHECK(without_port("a.test") == "a.test");
  CHECK(without_port("[::1]:81") == "[::1]");
  CHECK(without_port("[::1]") == "[::1]");
}

TEST_CASE("one host is always the same", "[loadgen][hosts]") {
  const Hosts hosts("a.test");
  CHECK(count(hosts, 10) == std::map<std::string, int>{{"a.test", 10}});
}

TEST_CASE("uniform names every host once a round", "[loadgen][hosts]") {
  const Hosts hosts("h{n}", 100, Distribution::uniform);
  const auto counts = count(hosts, 300);
  CHECK(counts.size() == 100);
  for (const auto& [name, times] : counts)
    CHECK(times == 3);
  CHECK((hosts.at(0) != "h1" || hosts.at(1) != "h2" || hosts.at(2) != "h3"));
}

TEST_CASE("zipf gives host n the share 1/n of host 1", "[loadgen][hosts]") {
  const Hosts hosts("h{n}", 1000, Distribution::zipf);
  auto counts = count(hosts, 1'000'000);
  const double first = counts["h1"];
  // The harmonic number of 1000 is 7.485.
  CHECK(first == Approx(1e6 / 7.485).epsilon(0.02));
  CHECK(counts["h2"] / first == Approx(1.0 / 2).epsilon(0.03));
  CHECK(counts["h10"] / first == Approx(1.0 / 10).epsilon(0.05));
  CHECK(counts["h100"] / first == Approx(1.0 / 100).epsilon(0.15));
}

TEST_CASE("two runs name the same hosts in the same order", "[loadgen][hosts]") {
  const Hosts one("h{n}", 50, Distribution::zipf);
  const Hosts other("h{n}", 50, Distribution::zipf);
  for (std::uint64_t i = 0; i < 500; ++i)
    CHECK(one.at(i) == other.at(i));
}
