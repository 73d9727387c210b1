#include "control/name_table.hpp"

#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1'000 * kSecond;

using Texts = std::vector<std::string>;

net::NameAnswer addresses(const Texts& texts, Nanos ttl = 60 * kSecond) {
  net::NameAnswer out;
  for (const std::string& text : texts)
    out.addresses.push_back(SocketAddress::parse(text + ":0").value());
  out.ttl = ttl;
  return out;
}

net::NameAnswer failure() { return {{}, 0, false, "nobody knows"}; }

Texts known(const NameTable& table, const std::string& name) {
  Texts out;
  for (const SocketAddress& address : table.addresses(name))
    out.push_back(address.ip_text());
  return out;
}

// A table with one name, and its clock.
struct One {
  One() { table.watch({"a.test"}, now); }

  // Goes to when the name is due; how long that was.
  Nanos wait() {
    const Nanos due = table.next_due();
    const Nanos waited = due - now;
    now = due;
    return waited;
  }
  NameReport answer(net::NameAnswer with) {
    REQUIRE(table.take_due(now) == "a.test");
    return table.answered("a.test", std::move(with), now);
  }

  NameTable table;
  Nanos now = kStart;
};

}  // namespace

TEST_CASE("a name is due at once, and again when its answer has expired", "[control][names]") {
  One one;
  CHECK(one.table.unsettled() == 1);
  CHECK(one.answer(addresses({"10.0.0.1"}, 60 * kSecond)).changed);
  CHECK(one.table.unsettled() == 0);
  CHECK(known(one.table, "a.test") == Texts{"10.0.0.1"});
  CHECK(one.table.take_due(one.now).empty());
  CHECK(one.wait() == 60 * kSecond);
  CHECK_FALSE(one.answer(addresses({"10.0.0.1"})).changed);
}

TEST_CASE("a TTL counts within bounds, and the system's own files hold for half a minute",
          "[control][names]") {
  One one;
  one.table.set_bounds({5 * kSecond, 100 * kSecond});
  one.answer(addresses({"10.0.0.1"}, 0));
  CHECK(one.wait() == 5 * kSecond);
  one.answer(addresses({"10.0.0.1"}, 1'000'000 * kSecond));
  CHECK(one.wait() == 100 * kSecond);
  net::NameAnswer local = addresses({"10.0.0.1"}, 0);
  local.local = true;
  one.answer(std::move(local));
  CHECK(one.wait() == 30 * kSecond);
}

TEST_CASE("a name that fails keeps its addresses and is asked less and less often", "[control][names]") {
  One one;
  one.answer(addresses({"10.0.0.1"}));
  one.wait();
  for (const Nanos pause : {1, 2, 4, 8, 16, 30, 30, 30}) {
    CHECK_FALSE(one.answer(failure()).changed);
    CHECK(known(one.table, "a.test") == Texts{"10.0.0.1"});
    const Nanos waited = one.wait();
    CHECK(waited >= pause * kSecond);
    CHECK(waited <= pause * kSecond * 3 / 2);
  }
  const NameReport report = one.answer(addresses({"10.0.0.1"}));
  CHECK_FALSE(report.changed);
  CHECK(report.note == "a.test resolves again, after 8 failures");
}

TEST_CASE("failures are told at first and then at growing intervals", "[control][names]") {
  One one;
  CHECK(one.answer(failure()).warning == "cannot resolve a.test: nobody knows; no address for it yet");
  int told = 0;
  int failures = 1;
  while (one.wait(), one.now < kStart + 86'400 * kSecond) {
    ++failures;
    const std::string warning = one.answer(failure()).warning;
    if (warning.empty()) continue;
    ++told;
    CHECK(warning == "cannot resolve a.test: nobody knows; no address for it yet; " +
                         std::to_string(failures) + " failures in a row");
  }
  CHECK(told > 20);
  CHECK(told < 35);
}

TEST_CASE("a name that comes and goes does not fill the log", "[control][names]") {
  One one;
  int told = 0;
  while (one.now < kStart + 3'600 * kSecond) {
    NameReport report = one.answer(failure());
    told += report.warning.empty() ? 0 : 1;
    one.wait();
    report = one.answer(addresses({"10.0.0.1"}, kSecond));
    told += report.note.empty() ? 0 : 1;
    one.wait();
  }
  CHECK(told < 20);
}

TEST_CASE("addresses that cannot be a server's are left out", "[control][names]") {
  One one;
  const NameReport report =
      one.answer(addresses({"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "10.0.0.1", "[::]",
                            "[ff02::1]", "[fe80::1]", "[::ffff:0.0.0.0]", "[2001:db8::1]", "127.0.0.1"}));
  CHECK(known(one.table, "a.test") == Texts{"10.0.0.1", "2001:db8::1", "127.0.0.1"});
  CHECK(report.warning == "a.test has 8 addresses that cannot be a server's, such as 0.0.0.0");
}

TEST_CASE("a name with no address but such ones has failed", "[control][names]") {
  One one;
  one.answer(addresses({"10.0.0.1"}));
  one.wait();
  const NameReport report = one.answer(addresses({"0.0.0.0"}));
  CHECK(report.warning ==
        "cannot resolve a.test: 1 addresses that cannot be a server's, such as 0.0.0.0; keeping the "
        "addresses it had");
  CHECK(known(one.table, "a.test") == Texts{"10.0.0.1"});
}

TEST_CASE("of too many addresses those in use stay", "[control][names]") {
  One one;
  Texts many;
  for (int i = 0; i < 3'000; ++i)
    many.push_back("10.1." + std::to_string(i / 250) + '.' + std::to_string(i % 250));
  const NameReport report = one.answer(addresses(many));
  CHECK(report.warning == "a.test has 3000 addresses, of which 64 are used");
  const Texts first = known(one.table, "a.test");
  CHECK(first.size() == NameTable::kMostAddresses);
  one.wait();
  many.insert(many.begin(), "10.0.0.1");
  CHECK_FALSE(one.answer(addresses(many)).changed);
  CHECK(known(one.table, "a.test") == first);
}

TEST_CASE("only so many look-ups are under way at a time", "[control][names]") {
  NameTable table;
  std::set<std::string> names;
  for (int i = 0; i < 200; ++i)
    names.insert("n" + std::to_string(i) + ".test");
  table.watch(names, kStart);
  Texts asked;
  for (std::string name = table.take_due(kStart); !name.empty(); name = table.take_due(kStart))
    asked.push_back(name);
  CHECK(asked.size() == NameTable::kMostAsked);
  CHECK(table.next_due() == 0);
  table.answered(asked.front(), failure(), kStart);
  CHECK_FALSE(table.take_due(kStart).empty());
  CHECK(table.take_due(kStart).empty());
}

TEST_CASE("names no longer watched are forgotten, whatever is under way for them", "[control][names]") {
  One one;
  REQUIRE(one.table.take_due(one.now) == "a.test");
  one.table.watch({"b.test"}, one.now);
  CHECK(one.table.unsettled() == 1);
  CHECK_FALSE(one.table.answered("a.test", addresses({"10.0.0.1"}), one.now).changed);
  CHECK(known(one.table, "a.test").empty());
  CHECK(one.table.take_due(one.now) == "b.test");
  one.table.watch({}, one.now);
  CHECK(one.table.unsettled() == 0);
  CHECK(one.table.next_due() == 0);
}

TEST_CASE("look-ups that were given up are due again", "[control][names]") {
  One one;
  REQUIRE(one.table.take_due(one.now) == "a.test");
  one.table.forget_asked(one.now);
  CHECK(one.table.take_due(one.now) == "a.test");
}
