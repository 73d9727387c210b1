// Requests that are let through, and what is understood of them.
#include "sluice/http/syntax.hpp"

#include "unit/http1/heads.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::test;

namespace {

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
std::string post(const std::string& fields) { return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }

}  // namespace

TEST_CASE("an ordinary request", "[http1][request]") {
  const ParsedRequest parsed(
      "GET /a/b?c=d HTTP/1.1\r\nHost: App.Example.COM.:8080\r\nUser-Agent:  x "
      "y\t\r\nX-Empty:\r\nCookie:a=1\r\n\r\n");
  REQUIRE_FALSE(parsed.error);
  const RequestHead& request = parsed.request;
  CHECK(request.method_text == "GET");
  CHECK(request.method == Method::get);
  CHECK(request.target == "/a/b?c=d");
  CHECK(request.path == "/a/b");
  CHECK(request.authority == "App.Example.COM.:8080");
  CHECK(request.host == "app.example.com");
  CHECK(request.minor == 1);
  CHECK(request.framing == Framing::none);
  CHECK(request.keep_alive);
  CHECK_FALSE(request.expect_continue);
  CHECK(request.upgrade.empty());
  CHECK(request.fields.size() == 4);
  CHECK(request.fields.value(FieldId::user_agent) == "x y");
  CHECK(request.fields.find("x-empty")->value.empty());
  CHECK(request.fields.value(FieldId::cookie) == "a=1");
}

TEST_CASE("every method that is a method", "[http1][request]") {
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH", "VERSION-CONTROL",
        "A", "X_Y", "BASELINE-CONTROL", "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"}) {
    CAPTURE(method);
    const ParsedRequest parsed(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_FALSE(parsed.error);
    CHECK(parsed.request.method_text == method);
    CHECK(parsed.request.method == method_of(method));
  }
}

TEST_CASE("absolute-form becomes origin-form", "[http1][request]") {
  const struct {
    const char* target;
    const char* host;
    const char* expected;
  } cases[] = {
      {"http://a/x?y", "a", "/x?y"},
      {"HTTP://A/x", "a", "/x"},
      {"http://a", "a", "/"},
      {"http://a?x=1", "a", "/?x=1"},
      {"http://a/", "A.", "/"},
      {"http://a:80/x", "a", "/x"},
      {"http://a/x", "a:80", "/x"},
      {"https://a/x", "a:443", "/x"},
      {"https://a:443/x", "a", "/x"},
      {"hTTps://a/x", "a", "/x"},
      {"http://a:8080/", "a:8080", "/"},
      {"http://[::1]:81/", "[::1]:81", "/"},
      {"http://a//b", "a", "//b"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.target);
    const ParsedRequest parsed("GET " + std::string(c.target) + " HTTP/1.1\r\nHost: " + c.host + "\r\n\r\n");
    REQUIRE_FALSE(parsed.error);
    CHECK(parsed.request.target == c.expected);
    CHECK(parsed.request.authority == c.host);
    CHECK(parsed.request.path == std::string(c.expected).substr(0, std::string(c.expected).find('?')));
  }
}

TEST_CASE("OPTIONS may ask about the server as a whole", "[http1][request]") {
  for (const char* target : {"*", "http://a"}) {
    const ParsedRequest parsed("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE_FALSE(parsed.error);
    CHECK(parsed.request.target == "*");
    CHECK(parsed.request.path == "/");
  }
  CHECK(ParsedRequest("OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").request.target == "/");
}

TEST_CASE("HTTP/1.0 needs no host and keeps the connection only when asked to", "[http1][request]") {
  const ParsedRequest plain("GET / HTTP/1.0\r\n\r\n");
  REQUIRE_FALSE(plain.error);
  CHECK(plain.request.minor == 0);
  CHECK(plain.request.host.empty());
  CHECK(plain.request.authority.empty());
  CHECK_FALSE(plain.request.keep_alive);
  CHECK(ParsedRequest("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").request.keep_alive);
  const ParsedRequest absolute("GET http://A.example:81/x HTTP/1.0\r\n\r\n");
  REQUIRE_FALSE(absolute.error);
  CHECK(absolute.request.host == "a.example");
  CHECK(absolute.request.authority == "A.example:81");
  CHECK(absolute.request.target == "/x");
}

TEST_CASE("Connection options", "[http1][request]") {
  CHECK_FALSE(ParsedRequest(get("Connection: close\r\n")).request.keep_alive);
  CHECK_FALSE(ParsedRequest(get("Connection: x, CLOSE\r\n")).request.keep_alive);
  CHECK_FALSE(ParsedRequest(get("Connection: keep-alive\r\nConnection: close\r\n")).request.keep_alive);
  CHECK(ParsedRequest(get("Connection: closed\r\n")).request.keep_alive);
  CHECK_FALSE(ParsedRequest("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").request.keep_alive);
  CHECK_FALSE(ParsedRequest("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n").request.keep_alive);
}

TEST_CASE("a body is framed by exactly one field", "[http1][request]") {
  const ParsedRequest length(post("Content-Length: 42\r\n"));
  REQUIRE_FALSE(length.error);
  CHECK(length.request.framing == Framing::length);
  CHECK(length.request.length == 42);
  CHECK(ParsedRequest(post("Content-Length: 0\r\n")).request.framing == Framing::length);
  CHECK(ParsedRequest(post("Content-Length: \t7 \r\n")).request.length == 7);
  CHECK(ParsedRequest(post("Content-Length: 9223372036854775807\r\n")).request.length == INT64_MAX);
  for (const char* spelling : {"chunked", "Chunked", "CHUNKED", " \tchunked\t "}) {
    const ParsedRequest chunked(post("Transfer-Encoding:" + std::string(spelling) + "\r\n"));
    REQUIRE_FALSE(chunked.error);
    CHECK(chunked.request.framing == Framing::chunked);
  }
  CHECK(ParsedRequest(post("")).request.framing == Framing::none);
  CHECK(ParsedRequest(get("Content-Length: 0\r\n")).request.framing == Framing::none);
  CHECK(ParsedRequest(get("Content-Length: 3\r\n")).request.framing == Framing::length);
  CHECK(ParsedRequest("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n").request.length == 3);
}

TEST_CASE("Expect", "[http1][request]") {
  CHECK(ParsedRequest(post("Expect: 100-continue\r\nContent-Length: 1\r\n")).request.expect_continue);
  CHECK(ParsedRequest(post("expect: 100-CONTINUE\r\nContent-Length: 1\r\n")).request.expect_continue);
  const ParsedRequest old("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  CHECK_FALSE(old.error);
  CHECK_FALSE(old.request.expect_continue);
}

TEST_CASE("an upgrade is asked for with one protocol, named in Connection, without a body",
          "[http1][request]") {
  const auto upgrade = [](const std::string& fields) {
    const ParsedRequest parsed(get(fields));
    REQUIRE_FALSE(parsed.error);
    return std::string(parsed.request.upgrade);
  };
  CHECK(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\n") == "websocket");
  CHECK(upgrade("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n") == "WebSocket");
  CHECK(upgrade("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n") == "TLS/1.0");
  CHECK(upgrade("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n") == "websocket");
}

TEST_CASE("any other wish to upgrade is passed over", "[http1][request]") {
  for (const char* fields :
       {"Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Connection: Upgrade\r\nUpgrade:\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: web socket\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: H2C\r\n", "Connection: Upgrade\r\nUpgrade: h2\r\n",
        "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n", "Connection: Upgrade\r\nUpgrade: http/1.1\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c-14\r\n", "Connection: Upgrade\r\nUpgrade: h2c/1\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"}) {
    CAPTURE(fields);
    const ParsedRequest parsed(get(fields));
    CHECK_FALSE(parsed.error);
    CHECK(parsed.request.upgrade == "");
  }
  CHECK(
      ParsedRequest("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").request.upgrade ==
      "");
}

TEST_CASE("a name may have any length and any byte of a token", "[http1][request]") {
  const std::string token = "!#$%&'*+-.^_`|~09azAZ";
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t odd = 0; odd <= size; ++odd) {  // where a byte stands that is not plain; nowhere at last
      std::string name(size, 'n');
      if (odd < size) name[odd] = token[odd % token.size()];
      const ParsedRequest parsed("GET / HTTP/1.1\r\nHost: a\r\n" + name + ": v\r\n\r\n");
      CAPTURE(name);
      REQUIRE_FALSE(parsed.error);
      CHECK(parsed.request.fields.all()[1].name == name);
      if (odd == size) continue;
      for (const char bad :
           {' ', '\t', '\r', '\n', '\0', '(', '/', ';', '@', '[', '{', '\x7f', '\x80', '\xff'}) {
        name[odd] = bad;
        CHECK(ParsedRequest("GET / HTTP/1.1\r\nHost: a\r\n" + name + ": v\r\n\r\n").error);
      }
    }
  }
}

TEST_CASE("a byte that no value has is found wherever it stands", "[http1][request]") {
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string value(size, 'v');
        value[at] = static_cast<char>(byte);
        const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        const char* const end = value.data() + size;
        if (end_of_value(value.data(), end) != (good ? end : value.data() + at)) {
          FAIL(size << ' ' << at << ' ' << byte);
        }
      }
    }
  }
}

TEST_CASE("values may hold any visible byte, and tabs and spaces inside", "[http1][request]") {
  std::string value;
  for (int c = 0x21; c < 256; ++c) {
    if (c != 0x7f) value += static_cast<char>(c);
  }
  value += "\t x";
  const ParsedRequest parsed(get("X-All: " + value + "\r\n"));
  REQUIRE_FALSE(parsed.error);
  CHECK((parsed.request.fields.find("X-All")->value == value));
}

TEST_CASE("as many fields as the limit, and not one more", "[http1][request]") {
  std::string fields;
  for (int i = 0; i < 99; ++i)
    fields += "X-" + std::to_string(i) + ": y\r\n";
  CHECK_FALSE(ParsedRequest(get(fields)).error);
  CHECK(ParsedRequest(get(fields + "X-Last: y\r\n")).error.kind == ErrorKind::head_too_large);
  CHECK(ParsedRequest(get("A: b\r\n"), {1000, 1}).error.kind == ErrorKind::head_too_large);
  CHECK_FALSE(ParsedRequest(get("A: b\r\n"), {1000, 2}).error);
}

TEST_CASE("what was understood of a refused request is there for the answer", "[http1][request]") {
  const ParsedRequest parsed("GET /a b HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
  CHECK(parsed.error.kind == ErrorKind::malformed);
  CHECK(parsed.request.fields.value(FieldId::accept) == "text/html");
}

TEST_CASE("a request line is checked as soon as it is whole", "[http1][request]") {
  const auto check = [](std::string_view line) {
    Arena arena;
    const std::unique_ptr<char[]> exact(new char[line.size()]);
    std::memcpy(exact.get(), line.data(), line.size());
    return http1::check_request_line({exact.get(), line.size()}, arena).kind;
  };
  CHECK(check("GET / HTTP/1.1\r\n") == ErrorKind::none);
  CHECK(check("GET http://a/ HTTP/1.0\r\n") == ErrorKind::none);
  CHECK(check("TRACE / HTTP/1.1\r\n") == ErrorKind::method_refused);
  CHECK(check("GET / HTTP/3.0\r\n") == ErrorKind::version_unsupported);
  for (const char* bad :
       {"\r\n", "GET\r\n", "GET \r\n", "GET /\r\n", "GET / \r\n", "GET / H\r\n", "GET / HTTP/1.\r\n",
        "GET / HTTP/1.1 \r\n", "GET / HTTP/1.1\r\r\n", "get / HTTP/1.1\r\n"}) {
    CAPTURE(bad);
    CHECK(check(bad) == ErrorKind::malformed);
  }
}
