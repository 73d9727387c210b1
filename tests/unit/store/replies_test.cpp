#include "store/replies.hpp"

#include <string>

#include <catch2/catch.hpp>

using sluice::limits::Lease;
using sluice::limits::Terms;
using sluice::store::answer_of;
using sluice::store::nodes_of;
using sluice::store::Replies;
using sluice::store::Reply;

namespace {

std::optional<Reply> only(const std::string& bytes) {
  Replies replies;
  replies.feed(bytes);
  return replies.next();
}

bool fails(const std::string& bytes) {
  Replies replies;
  replies.feed(bytes);
  while (replies.next()) {
  }
  return replies.failed();
}

std::optional<Lease::Answer> answer(const std::string& bytes) {
  const auto reply = only(bytes);
  REQUIRE(reply);
  return answer_of(*reply, {Terms::of(10, 1'000'000'000, 100), 0, 5, 0});
}

}  // namespace

TEST_CASE("replies come in pieces of any size", "[store][replies]") {
  const std::string bytes = "+OK\r\n-ERR no\r\n:12\r\n$-1\r\n*2\r\n$1\r\n5\r\n:7\r\n";
  Replies replies;
  std::vector<Reply> all;
  for (const char c : bytes) {
    replies.feed({&c, 1});
    while (auto reply = replies.next())
      all.push_back(*reply);
  }
  REQUIRE(all.size() == 5);
  CHECK(all[0].text == "OK");
  CHECK(all[1].kind == Reply::Kind::error);
  CHECK(all[1].text == "ERR no");
  CHECK(all[2].number == 12);
  CHECK(all[3].kind == Reply::Kind::nothing);
  CHECK(all[4].items == std::vector<std::string>{"5", "7"});
  CHECK_FALSE(replies.failed());
}

TEST_CASE("a store cannot make us keep much", "[store][replies]") {
  CHECK(fails("HTTP/1.1 400 Bad Request\r\n\r\n"));
  CHECK(fails("*1000000000\r\n"));
  CHECK(fails("*2\r\n*1\r\n:1\r\n:2\r\n"));
  CHECK(fails("$2000\r\n" + std::string(2000, 'x') + "\r\n"));
  CHECK(fails("$500000000\r\n" + std::string(20'000, 'x')));
  CHECK(fails("+" + std::string(20'000, 'x')));
  CHECK(fails("*-2\r\n"));
}

TEST_CASE("an answer is what was asked for, or none", "[store][replies]") {
  const auto good = answer("*2\r\n$1\r\n5\r\n$4\r\n12.5\r\n");
  REQUIRE(good);
  CHECK(good->granted == 5);
  CHECK(good->taken == 12.5);
  CHECK_FALSE(answer("*2\r\n$1\r\n6\r\n$1\r\n6\r\n"));
  CHECK_FALSE(answer("*2\r\n$2\r\n-1\r\n$1\r\n6\r\n"));
  CHECK_FALSE(answer("*2\r\n$1\r\n1\r\n$3\r\nnan\r\n"));
  CHECK_FALSE(answer("*2\r\n$1\r\n1\r\n$3\r\ninf\r\n"));
  CHECK_FALSE(answer("*2\r\n$1\r\n1\r\n$2\r\n-1\r\n"));
  CHECK_FALSE(answer("*2\r\n$1\r\n1\r\n$3\r\n201\r\n"));
  CHECK_FALSE(answer("*1\r\n$1\r\n1\r\n"));
  CHECK_FALSE(answer("*2\r\n$-1\r\n$-1\r\n"));
  CHECK_FALSE(answer("+OK\r\n"));
  CHECK(nodes_of(*only(":3\r\n")) == 3U);
  CHECK_FALSE(nodes_of(*only(":0\r\n")));
  CHECK_FALSE(nodes_of(*only("+3\r\n")));
}
