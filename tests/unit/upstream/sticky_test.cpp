#include "sluice/upstream/balance/sticky.hpp"

#include "sluice/base/text.hpp"

#include "unit/upstream/members.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::upstream;
using namespace sluice::test;

TEST_CASE("a server is found by the name in its cookie", "[upstream][sticky]") {
  for (const std::size_t count : {0U, 1U, 3U, 1000U}) {
    const Members members = make_members(std::vector<std::uint32_t>(count, 1));
    const StickyNames names(members, "app", "secret");
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(names.find(names.name(i)) == i);
      seen.insert(names.name(i));
    }
    CHECK(seen.size() == count);
    for (const std::string_view none : {"", "x", "AAAAAAAAAAAAAAAA", "~~~~~~~~~~~~~~~~"})
      CHECK(names.find(none) == kNobody);
    if (count == 0) continue;
    CHECK(names.find(names.name(0).substr(1)) == kNobody);
    CHECK(names.find(std::string(names.name(0)) + "A") == kNobody);
  }
}

TEST_CASE("names are the same in every process, and tell nothing", "[upstream][sticky]") {
  Members members = make_members({1, 1, 1});
  const StickyNames names(members, "app", "secret");
  // base64url of the first 96 bits of HMAC-SHA256("secret", "app\n10.0.0.1:80").
  CHECK(names.name(0) == "TNw99onAVoN7tv_o");
  CHECK(std::all_of(names.name(1).begin(), names.name(1).end(),
                    [](char c) { return is_digit(c) || is_alpha(c) || c == '-' || c == '_'; }));
  std::reverse(members.begin(), members.end());
  const StickyNames again(members, "app", "secret");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(again.name(2 - i) == names.name(i));
}

TEST_CASE("names of another pool or under another secret are no names here", "[upstream][sticky]") {
  const Members members = make_members({1, 1});
  const StickyNames names(members, "app", "secret");
  CHECK(names.find(StickyNames(members, "other", "secret").name(0)) == kNobody);
  CHECK(names.find(StickyNames(members, "app", "other").name(0)) == kNobody);
  CHECK(names.find(StickyNames(members, "app", "").name(0)) == kNobody);
}
