#include "sluice/server/admission.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using sluice::server::Admission;

namespace {

struct Admitted {
  std::string ip;
  Admission::Ticket ticket;
};

int admitted(Admission& admission, const std::vector<std::string>& peers, std::vector<Admitted>& out) {
  int count = 0;
  for (const auto& ip : peers) {
    out.push_back({ip, admission.admit(ip)});
    count += out.back().ticket.admitted ? 1 : 0;
  }
  return count;
}

void release(Admission& admission, std::vector<Admitted>& all) {
  for (const auto& one : all)
    admission.release(one.ticket, one.ip);
  all.clear();
}

}  // namespace

TEST_CASE("connections in all are bounded", "[server]") {
  Admission admission;
  admission.set_limits(2, 0, 64);
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"192.0.2.1", "192.0.2.2", "192.0.2.3"}, all) == 2);
  CHECK(admission.open() == 2);
  release(admission, all);
  CHECK(admission.open() == 0);
}

TEST_CASE("a client is an IPv4 address, or a prefix of IPv6", "[server]") {
  Admission admission;
  admission.set_limits(0, 2, 64);
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, all) == 3);
  CHECK(admitted(admission, {"2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3"}, all) == 2);
  CHECK(admitted(admission, {"2001:db8:0:2::1"}, all) == 1);
  release(admission, all);
  CHECK(admission.open() == 0);
  CHECK(admitted(admission, {"2001:db8:0:1::9", "2001:db8:0:1::8"}, all) == 2);
}

TEST_CASE("the prefix may be any number of bits", "[server]") {
  std::vector<Admitted> all;
  Admission whole;
  whole.set_limits(0, 1, 128);
  CHECK(admitted(whole, {"2001:db8::1", "2001:db8::2", "2001:db8::2"}, all) == 2);
  Admission odd;
  odd.set_limits(0, 1, 47);
  CHECK(admitted(odd, {"2001:db8:2::", "2001:db8:3::", "2001:db8:4::"}, all) == 2);
  Admission one;
  one.set_limits(0, 1, 1);
  CHECK(admitted(one, {"2001:db8::1", "8000::1", "3fff::1"}, all) == 2);
}

TEST_CASE("what was counted is taken back after the limits have changed", "[server]") {
  Admission admission;
  admission.set_limits(0, 2, 64);
  std::vector<Admitted> all;
  admitted(admission, {"2001:db8::1", "2001:db8::2", "192.0.2.1"}, all);
  admission.set_limits(0, 2, 48);
  admitted(admission, {"2001:db8:0:7::1"}, all);
  admission.set_limits(0, 0, 48);
  admitted(admission, {"2001:db8::1"}, all);
  release(admission, all);
  CHECK(admission.open() == 0);
  admission.set_limits(0, 2, 64);
  CHECK(admitted(admission, {"2001:db8::1", "2001:db8::2", "2001:db8::3"}, all) == 2);
}

TEST_CASE("peers of unix sockets have no address to count by", "[server]") {
  Admission admission;
  admission.set_limits(3, 1, 64);
  std::vector<Admitted> all;
  CHECK(admitted(admission, {"unix", "unix", "unix", "unix"}, all) == 3);
}
