#include "sluice/base/token_bucket.hpp"

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kNow = 1'000 * kSecond;

int taken(TokenBucket& bucket, Nanos now) {
  int out = 0;
  while (out < 1'000 && bucket.take(now))
    ++out;
  return out;
}

}  // namespace

TEST_CASE("a bucket gives what it holds at once, and nothing more", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  CHECK(taken(bucket, kNow) == 10);
  CHECK_FALSE(bucket.take(kNow));
}

TEST_CASE("a bucket refills evenly", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  REQUIRE(taken(bucket, kNow) == 10);
  CHECK_FALSE(bucket.take(kNow + 6 * kSecond - 1));
  CHECK(bucket.take(kNow + 6 * kSecond));
  CHECK_FALSE(bucket.take(kNow + 6 * kSecond));
  CHECK(taken(bucket, kNow + 36 * kSecond) == 5);
}

TEST_CASE("a bucket never holds more than it can", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  REQUIRE(taken(bucket, kNow) == 10);
  CHECK(taken(bucket, kNow + 10'000 * kSecond) == 10);
}

TEST_CASE("tokens are taken together or not at all", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  CHECK_FALSE(bucket.take(kNow, 11));
  CHECK(bucket.take(kNow, 8));
  CHECK_FALSE(bucket.take(kNow, 3));
  CHECK(bucket.take(kNow, 2));
}

TEST_CASE("a token that is put back can be taken again", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  REQUIRE(taken(bucket, kNow) == 10);
  bucket.put_back();
  CHECK(taken(bucket, kNow) == 1);
  bucket.put_back(4);
  CHECK(taken(bucket, kNow) == 4);
}

TEST_CASE("what is put back into a full bucket is lost", "[base][token_bucket]") {
  TokenBucket bucket(10, 60 * kSecond);
  bucket.put_back(100);
  CHECK(taken(bucket, kNow) == 10);
}

TEST_CASE("what is put back shortly after is not lost to rounding", "[base][token_bucket]") {
  TokenBucket bucket(7, 60 * kSecond);
  for (int i = 0; i < 1'000; ++i) {
    CAPTURE(i);
    REQUIRE(bucket.take(kNow, 7));
    bucket.put_back(7);
  }
}
