#include "sluice/limits/key.hpp"

#include <string>

#include <catch2/catch.hpp>

using sluice::limits::KeyMaker;

TEST_CASE("a key has a text that is the same in every process", "[limits][key]") {
  KeyMaker maker("login");
  maker.add("acme");
  CHECK(maker.text() == std::string("\x05login\x04") + "acme");
  // SHA-256 of 65 letters, as `printf 'a%.0s' {1..65} | sha256sum` has it.
  KeyMaker long_part("l");
  long_part.add(std::string(65, 'a'));
  CHECK(long_part.text().substr(0, 6) == std::string("\x01l\x41") + "\x63\x53\x61");
  CHECK(long_part.text().size() == 2 + 1 + 32);
}
