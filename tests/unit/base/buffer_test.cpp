#include "sluice/base/buffer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

using sluice::Buffer;

namespace {

void append(Buffer& buffer, std::string_view bytes) {
  REQUIRE(buffer.room().size() >= bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer.room().begin());
  buffer.commit(bytes.size());
}

}  // namespace

TEST_CASE("a fresh buffer has no memory", "[base][buffer]") {
  const Buffer buffer;
  CHECK_FALSE(buffer.allocated());
  CHECK(buffer.empty());
  CHECK(buffer.view().empty());
  CHECK(buffer.capacity() == 0);
}

TEST_CASE("memory comes in three sizes, and as large as asked beyond", "[base][buffer]") {
  const auto capacity_for = [](std::size_t bytes) {
    Buffer buffer;
    buffer.reserve(bytes);
    return buffer.capacity();
  };
  CHECK(capacity_for(1) == Buffer::kTiny);
  CHECK(capacity_for(Buffer::kTiny) == Buffer::kTiny);
  CHECK(capacity_for(Buffer::kTiny + 1) == Buffer::kSmall);
  CHECK(capacity_for(Buffer::kSmall) == Buffer::kSmall);
  CHECK(capacity_for(Buffer::kSmall + 1) == Buffer::kLarge);
  CHECK(capacity_for(Buffer::kLarge) == Buffer::kLarge);
  CHECK(capacity_for(Buffer::kLarge + 1) == Buffer::kLarge + 1);
}

TEST_CASE("bytes go in at the end and out at the front", "[base][buffer]") {
  Buffer buffer;
  buffer.reserve(1);
  append(buffer, "hello world");
  CHECK(buffer.view() == "hello world");
  buffer.consume(6);
  CHECK(buffer.view() == "world");
  CHECK(buffer.size() == 5);
  CHECK(buffer.room().size() == Buffer::kTiny - 11);
  append(buffer, "!");
  CHECK(buffer.view() == "world!");
  buffer.consume(6);
  CHECK(buffer.empty());
  CHECK(buffer.room().size() == Buffer::kTiny);
}

TEST_CASE("compacting makes room and keeps what is there", "[base][buffer]") {
  Buffer buffer;
  buffer.reserve(Buffer::kSmall);
  append(buffer, std::string(Buffer::kSmall - 10, 'x') + "0123456789");
  CHECK(buffer.room().empty());
  buffer.consume(Buffer::kSmall - 10);
  CHECK(buffer.room().empty());
  buffer.compact();
  CHECK(buffer.view() == "0123456789");
  CHECK(buffer.room().size() == Buffer::kSmall - 10);
}

TEST_CASE("growing keeps what is there", "[base][buffer]") {
  Buffer buffer;
  buffer.reserve(Buffer::kSmall);
  append(buffer, std::string(Buffer::kSmall - 4, 'x') + "tail");
  buffer.consume(Buffer::kSmall - 4);
  buffer.reserve(Buffer::kLarge);
  CHECK(buffer.capacity() == Buffer::kLarge);
  CHECK(buffer.view() == "tail");
  CHECK(buffer.room().size() == Buffer::kLarge - 4);
  // Asking for less than there is makes room, and nothing smaller.
  buffer.consume(1);
  buffer.reserve(10);
  CHECK(buffer.capacity() == Buffer::kLarge);
  CHECK(buffer.view() == "ail");
  CHECK(buffer.room().size() == Buffer::kLarge - 3);
}

TEST_CASE("a buffer that was moved from is empty, the new owner has the bytes", "[base][buffer]") {
  Buffer first;
  first.reserve(1);
  append(first, "one");
  Buffer second(std::move(first));
  CHECK(second.view() == "one");
  CHECK_FALSE(first.allocated());  // NOLINT(bugprone-use-after-move): that is the question
  Buffer third;
  third.reserve(Buffer::kLarge);
  append(third, "three");
  third = std::move(second);
  CHECK(third.view() == "one");
  CHECK(third.capacity() == Buffer::kTiny);
  Buffer& same = third;
  third = std::move(same);
  CHECK(third.view() == "one");
  third.release();
  CHECK_FALSE(third.allocated());
  CHECK(third.view().empty());
  third.release();
}
