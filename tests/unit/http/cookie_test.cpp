#include "sluice/http/cookie.hpp"

#include "sluice/base/arena.hpp"

#include <string_view>

#include <catch2/catch.hpp>

using namespace sluice;
using http::find_cookie;

TEST_CASE("a cookie is found by its name", "[http][cookie]") {
  CHECK(find_cookie("a=1; b=2; c=3", "a") == "1");
  CHECK(find_cookie("a=1; b=2; c=3", "b") == "2");
  CHECK(find_cookie("a=1; b=2; c=3", "c") == "3");
  CHECK_FALSE(find_cookie("a=1; b=2; c=3", "d"));
  CHECK_FALSE(find_cookie("", "a"));
  CHECK(find_cookie("a=", "a") == "");
  CHECK(find_cookie("a=b=c", "a") == "b=c");
  // The longest path comes first.
  CHECK(find_cookie("a=1; a=2", "a") == "1");
}

TEST_CASE("a name is a whole name, in its case", "[http][cookie]") {
  CHECK_FALSE(find_cookie("session=1", "Session"));
  CHECK_FALSE(find_cookie("my-session=1", "session"));
  CHECK_FALSE(find_cookie("sessions=1", "session"));
  CHECK_FALSE(find_cookie("x=session=1", "session"));
  CHECK_FALSE(find_cookie("session", "session"));
  CHECK(find_cookie("session; session=1", "session") == "1");
  // Without a name there is nothing to ask for.
  CHECK_FALSE(find_cookie("=1", ""));
  CHECK_FALSE(find_cookie("1", ""));
}

TEST_CASE("what clients write around cookies is no part of them", "[http][cookie]") {
  CHECK(find_cookie("a=1;b=2", "b") == "2");
  CHECK(find_cookie(" \ta \t= \t1\t ;;; ;b=2 ", "a") == "1");
  CHECK(find_cookie(";;b = 2 ;", "b") == "2");
  CHECK(find_cookie("a=\"1\"", "a") == "1");
  CHECK(find_cookie("a=\"\"", "a") == "");
  CHECK(find_cookie("a=\"1 2\"; b=3", "a") == "1 2");
  // Only a pair of them, and a ";" ends the cookie all the same.
  CHECK(find_cookie("a=\"", "a") == "\"");
  CHECK(find_cookie("a=\"1", "a") == "\"1");
  CHECK(find_cookie("a=1\"", "a") == "1\"");
  CHECK(find_cookie("a=\"1; b=2\"", "a") == "\"1");
  CHECK(find_cookie("a=\"1; b=2\"", "b") == "2\"");
}

TEST_CASE("cookies are looked for in every Cookie field that is forwarded", "[http][cookie]") {
  Arena arena;
  http::Fields fields;
  CHECK_FALSE(find_cookie(fields, "a"));
  const auto add = [&](std::string_view name, std::string_view value) {
    fields.add(arena, name, value, http::field_id(name));
  };
  add("Cookies", "c=0");
  add("Cookie", "a=1");
  add("accept", "b=0");
  add("cookie", "b=2; c=3");
  add("COOKIE", "a=4");
  CHECK(find_cookie(fields, "a") == "1");
  CHECK(find_cookie(fields, "b") == "2");
  CHECK(find_cookie(fields, "c") == "3");
  CHECK_FALSE(find_cookie(fields, "d"));
  fields.all()[1].dropped = true;
  CHECK(find_cookie(fields, "a") == "4");
}
