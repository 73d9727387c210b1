#include "sluice/server/admission.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Nanos;
using sluice::plan::ConnectionLimits;

namespace {

constexpr Nanos kNow = 1'000'000'000'000;
constexpr Nanos kSecond = 1'000'000'000;

struct Admission {
  void set_limits(const ConnectionLimits& limits, Nanos now = kNow) { all.set_limits(limits, now); }
  int handshakes(const std::string& ip, int tries, Nanos now) {
    int count = 0;
    while (tries-- > 0)
      count += all.may_shake_hands(ip, now) ? 1 : 0;
    return count;
  }
  sluice::limits::Ledger ledger;
  sluice::server::Admission all{ledger};
};

struct Admitted {
  std::string ip;
  sluice::server::Admission::Ticket ticket;
};

int admitted(Admission& admission, const std::vector<std::string>& peers, std::vector<Admitted>& out) {
  int count = 0;
  for (const auto& ip : peers) {
    out.push_back({ip, admission.all.admit(ip)});
    count += out.back().ticket.admitted ? 1 : 0;
  }
  return count;
}

void release(Admission& admission, std::vector<Admitted>& all) {
  for (const auto& one : all)
    admission.all.release(one.ticket, one.ip);
  all.clear();
}

}  // namespace

TEST_CASE("connections in all are bounded", "[server]") {
  Admission admission;
  admission.set_limits({2, 0, 64, {}});
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"192.0.2.1", "192.0.2.2", "192.0.2.3"}, all) == 2);
  CHECK(admission.all.open() == 2);
  release(admission, all);
  CHECK(admission.all.open() == 0);
}

TEST_CASE("a client is an IPv4 address, or a prefix of IPv6", "[server]") {
  Admission admission;
  admission.set_limits({0, 2, 64, {}});
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, all) == 3);
  CHECK(admitted(admission, {"2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3"}, all) == 2);
  CHECK(admitted(admission, {"2001:db8:0:2::1"}, all) == 1);
  release(admission, all);
  CHECK(admission.all.open() == 0);
  CHECK(admitted(admission, {"2001:db8:0:1::9", "2001:db8:0:1::8"}, all) == 2);
}

TEST_CASE("the prefix may be any number of bits", "[server]") {
  std::vector<Admitted> all;
  Admission whole;
  whole.set_limits({0, 1, 128, {}});
  CHECK(admitted(whole, {"2001:db8::1", "2001:db8::2", "2001:db8::2"}, all) == 2);
  Admission odd;
  odd.set_limits({0, 1, 47, {}});
  CHECK(admitted(odd, {"2001:db8:2::", "2001:db8:3::", "2001:db8:4::"}, all) == 2);
  Admission one;
  one.set_limits({0, 1, 1, {}});
  CHECK(admitted(one, {"2001:db8::1", "8000::1", "3fff::1"}, all) == 2);
}

TEST_CASE("what was counted is taken back after the limits have changed", "[server]") {
  Admission admission;
  admission.set_limits({0, 2, 64, {}});
  std::vector<Admitted> all;
  admitted(admission, {"2001:db8::1", "2001:db8::2", "192.0.2.1"}, all);
  admission.set_limits({0, 2, 48, {}});
  admitted(admission, {"2001:db8:0:7::1"}, all);
  admission.set_limits({0, 0, 48, {}});
  admitted(admission, {"2001:db8::1"}, all);
  release(admission, all);
  CHECK(admission.all.open() == 0);
  admission.set_limits({0, 2, 64, {}});
  CHECK(admitted(admission, {"2001:db8::1", "2001:db8::2", "2001:db8::3"}, all) == 2);
}

TEST_CASE("peers of unix sockets have no address to count by", "[server]") {
  Admission admission;
  admission.set_limits({3, 1, 64, {}});
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"unix", "unix", "unix", "unix"}, all) == 3);
}

TEST_CASE("who is turned away is told by which bound", "[server]") {
  Admission admission;
  admission.set_limits({2, 1, 64, {}});
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"}, all) == 2);
  CHECK(all[1].ticket.beyond == sluice::observe::Turnaway::connections_per_ip);
  CHECK(all[3].ticket.beyond == sluice::observe::Turnaway::connections);
}

TEST_CASE("handshakes of one address come back at their rate", "[server]") {
  using namespace std::chrono_literals;
  Admission admission;
  CHECK(admission.handshakes("192.0.2.1", 1000, kNow) == 1000);
  admission.set_limits({0, 0, 64, {10, 1s}});
  CHECK(admission.handshakes("192.0.2.1", 50, kNow) == 10);
  CHECK(admission.handshakes("192.0.2.2", 50, kNow) == 10);
  CHECK(admission.handshakes("192.0.2.1", 50, kNow + kSecond / 2) == 5);
  CHECK(admission.handshakes("2001:db8:0:1::1", 6, kNow) + admission.handshakes("2001:db8:0:1::2", 6, kNow) ==
        10);
  CHECK(admission.handshakes("2001:db8:0:2::1", 1, kNow) == 1);
  CHECK(admission.handshakes("unix", 50, kNow) == 50);
}

TEST_CASE("another rate holds at once for who used up the last one", "[server]") {
  using namespace std::chrono_literals;
  Admission admission;
  admission.set_limits({0, 0, 64, {20, 1h}});
  CHECK(admission.handshakes("192.0.2.1", 50, kNow) == 20);
  admission.set_limits({0, 0, 64, {20, 1s}});
  CHECK(admission.handshakes("192.0.2.1", 50, kNow) == 0);
  CHECK(admission.handshakes("192.0.2.1", 50, kNow + kSecond) == 20);
  admission.set_limits({0, 0, 64, {}});
  CHECK(admission.handshakes("192.0.2.1", 50, kNow + kSecond) == 50);
  admission.set_limits({0, 0, 64, {20, 1min}}, kNow + kSecond);  // nor does turning it off forgive
  CHECK(admission.handshakes("192.0.2.1", 50, kNow + kSecond) == 0);
}
