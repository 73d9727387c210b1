#include "sluice/limits/key.hpp"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;

namespace {

std::pair<std::uint64_t, std::uint64_t> digest_of(std::string_view limit,
                                                  const std::vector<std::string>& parts) {
  KeyMaker maker(limit);
  for (const std::string& part : parts)
    maker.add(part);
  const Key key = maker.key();
  return {key.high, key.low};
}

}  // namespace

TEST_CASE("only the same parts in the same order are the same key", "[limits]") {
  const std::string longest(64, 'x');
  const std::vector<std::vector<std::string>> lists{{},
                                                    {""},
                                                    {"", ""},
                                                    {"a"},
                                                    {"ab"},
                                                    {"a", "b"},
                                                    {"b", "a"},
                                                    {"a", "", "b"},
                                                    {"a", "b", ""},
                                                    {longest},
                                                    {longest + "x"},
                                                    {longest + "y"},
                                                    {longest, "x"},
                                                    {std::string(1, '\x41') + longest},
                                                    {std::string(100'000, 'x')}};
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (const auto& parts : lists) {
    CHECK(digest_of("standard", parts) == digest_of("standard", parts));
    CHECK(seen.insert(digest_of("standard", parts)).second);
    CHECK(seen.insert(digest_of("gold", parts)).second);
  }
}

TEST_CASE("as many parts as a limit may have fit, however long they are", "[limits]") {
  const std::vector<std::string> parts(kMostKeyParts, std::string(70'000, 'x'));
  std::vector<std::string> other = parts;
  other.back().back() = 'y';
  const std::string limit(70'000, 'l');
  CHECK(digest_of(limit, parts) != digest_of(limit, other));
}

TEST_CASE("a name's tag is never none", "[limits]") {
  CHECK(tag_of("") != 0);
  CHECK(tag_of("standard") == tag_of("standard"));
  CHECK(tag_of("standard") != tag_of("gold"));
}
