#include "http2/priority.hpp"

#include <catch2/catch.hpp>

using namespace sluice::http2;

TEST_CASE("urgency and whether pieces are of use", "[http2][priority]") {
  CHECK(parse_priority("u=0") == Priority{0, false});
  CHECK(parse_priority("u=7") == Priority{7, false});
  CHECK(parse_priority("i") == Priority{3, true});
  CHECK(parse_priority("u=5, i") == Priority{5, true});
  CHECK(parse_priority("i, u=5") == Priority{5, true});
  CHECK(parse_priority("u=1,i=?1") == Priority{1, true});
  CHECK(parse_priority("i=?0, u=2") == Priority{2, false});
  CHECK(parse_priority(" u=4 ,\ti ") == Priority{4, true});
}

TEST_CASE("a client that says nothing gets fair shares, one that says anything gets one after the other",
          "[http2][priority]") {
  CHECK(Priority{} == Priority{3, true});
  CHECK(parse_priority("") == Priority{3, false});
  CHECK(parse_priority("u=3") == Priority{3, false});
}

TEST_CASE("the last of several counts", "[http2][priority]") {
  CHECK(parse_priority("u=1, u=6") == Priority{6, false});
  CHECK(parse_priority("i, i=?0") == Priority{3, false});
}

TEST_CASE("what is unknown, out of range or malformed changes nothing", "[http2][priority]") {
  for (const char* value : {"u=8", "u=-1", "u=10", "u=", "u", "u=a", "u=1.5", "u=?1", "U=1", "urgency=1", "x",
                            "x=y", "\"u=1\"", ",,,", "i=1", "i=?2", "I", "=", "ui"}) {
    CAPTURE(value);
    CHECK(parse_priority(value) == Priority{3, false});
  }
  CHECK(parse_priority("u=9, x=\"a\", u=2;p=1, i;p") == Priority{2, true});
}
