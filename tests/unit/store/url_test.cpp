#include "sluice/store/client.hpp"

#include <catch2/catch.hpp>

using sluice::store::parse_url;

TEST_CASE("a store's URL says where it is, who we are and which database", "[store][url]") {
  const auto plain = parse_url("redis://127.0.0.1");
  REQUIRE(plain);
  CHECK(plain->host == "127.0.0.1");
  CHECK(plain->port == 6379);
  CHECK(plain->user.empty());
  CHECK(plain->password.empty());
  CHECK(plain->database == 0);
  CHECK_FALSE(plain->tls);
  const auto all = parse_url("rediss://edge:p%40ss%2Fword@[::1]:6380/3");
  REQUIRE(all);
  CHECK(all->host == "::1");
  CHECK(all->port == 6380);
  CHECK(all->user == "edge");
  CHECK(all->password == "p@ss/word");
  CHECK(all->database == 3);
  CHECK(all->tls);
  const auto password = parse_url("redis://:secret@store.example/");
  REQUIRE(password);
  CHECK(password->user.empty());
  CHECK(password->password == "secret");
}

TEST_CASE("what is no URL of a store is none", "[store][url]") {
  for (const char* text : {"", "redis", "127.0.0.1:6379", "http://127.0.0.1", "redis://", "redis://:6379",
                           "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1",
                           "redis://h/1/2", "redis://a:%zz@h", "redis://a:b@"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_url(text));
  }
}
