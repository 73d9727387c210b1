#include "sluice/http/message.hpp"

#include <catch2/catch.hpp>

using namespace sluice::http;

TEST_CASE("methods are known by their exact name", "[http][message]") {
  const struct {
    const char* text;
    Method method;
    bool repeatable;
  } cases[] = {
      {"GET", Method::get, true},         {"HEAD", Method::head, true},
      {"POST", Method::post, false},      {"PUT", Method::put, true},
      {"DELETE", Method::del, true},      {"PATCH", Method::patch, false},
      {"OPTIONS", Method::options, true}, {"CONNECT", Method::connect, false},
      {"TRACE", Method::trace, true},     {"PROPFIND", Method::other, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(method_of(c.text) == c.method);
    CHECK(idempotent(c.method) == c.repeatable);
  }
  for (const char* text : {"", "get", "Get", "GETT", "GE", "HEAD ", "TRACK", "CONNECTT"}) {
    CAPTURE(text);
    CHECK(method_of(text) == Method::other);
  }
}

TEST_CASE("some responses have no body whatever their fields say", "[http][message]") {
  for (const int status : {100, 101, 103, 199, 204, 304})
    CHECK(bodiless(static_cast<std::uint16_t>(status)));
  for (const int status : {200, 201, 205, 206, 302, 404, 500}) {
    CHECK_FALSE(bodiless(static_cast<std::uint16_t>(status)));
  }
}

TEST_CASE("every status that Sluice answers with has a reason phrase", "[http][message]") {
  for (const int status : {308, 400, 404, 405, 408, 413, 414, 417, 421, 429, 431, 500, 502, 503, 504, 505}) {
    CAPTURE(status);
    CHECK_FALSE(reason_of(static_cast<std::uint16_t>(status)).empty());
  }
  CHECK(reason_of(299).empty());
}
