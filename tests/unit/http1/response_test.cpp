// Responses of upstreams: they can attack as well, or just be wrong.
#include "unit/http1/heads.hpp"

#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::http;
using namespace sluice::test;

namespace {

using Texts = std::vector<std::string>;

std::string ok(const std::string& fields) { return "HTTP/1.1 200 OK\r\n" + fields + "\r\n"; }

void expect_refused(const std::string& head) {
  INFO(visible(head));
  CHECK(judge_response(head) == ErrorKind::malformed);
}

}  // namespace

TEST_CASE("an ordinary response", "[http1][response]") {
  const ParsedResponse parsed(
      "HTTP/1.1 404 Not  Found\r\nContent-Length: 3\r\nServer:x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n");
  REQUIRE_FALSE(parsed.error);
  CHECK(parsed.response.status == 404);
  CHECK(parsed.response.reason == "Not  Found");
  CHECK(parsed.response.minor == 1);
  CHECK(parsed.response.framing == Framing::length);
  CHECK(parsed.response.length == 3);
  CHECK(parsed.response.keep_alive);
  CHECK(parsed.response.fields.size() == 4);
}

TEST_CASE("status lines as servers send them", "[http1][response]") {
  const struct {
    const char* line;
    int status;
    const char* reason;
  } cases[] = {
      {"HTTP/1.1 200 OK", 200, "OK"},   {"HTTP/1.1 200 ", 200, ""},
      {"HTTP/1.1 200", 200, ""},        {"HTTP/1.0 301 Moved", 301, "Moved"},
      {"HTTP/1.1 599 x", 599, "x"},     {"HTTP/1.1 299 \xc3\xa4\t!", 299, "\xc3\xa4\t!"},
      {"HTTP/1.1 200  OK", 200, " OK"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.line);
    const ParsedResponse parsed(std::string(c.line) + "\r\nContent-Length: 0\r\n\r\n");
    REQUIRE_FALSE(parsed.error);
    CHECK(parsed.response.status == c.status);
    CHECK(parsed.response.reason == c.reason);
  }
}

TEST_CASE("how a response ends", "[http1][response]") {
  CHECK(ParsedResponse(ok("Content-Length: 0\r\n")).response.framing == Framing::length);
  CHECK(ParsedResponse(ok("Transfer-Encoding: Chunked\r\n")).response.framing == Framing::chunked);
  const ParsedResponse close(ok(""));
  CHECK(close.response.framing == Framing::until_close);
  CHECK_FALSE(close.response.keep_alive);
  const ParsedResponse head(ok(""), Method::head);
  CHECK(head.response.framing == Framing::none);
  CHECK(head.response.keep_alive);
  CHECK(ParsedResponse(ok("Content-Length: 12\r\n"), Method::head).response.length == 12);
  CHECK(ParsedResponse("HTTP/1.1 304 x\r\n\r\n").response.framing == Framing::none);
  CHECK(ParsedResponse("HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n").response.length == 7);
  for (const char* line :
       {"HTTP/1.1 204 x", "HTTP/1.1 100 x", "HTTP/1.1 101 x", "HTTP/1.1 103 x", "HTTP/1.1 199 x"}) {
    CAPTURE(line);
    const ParsedResponse parsed(std::string(line) + "\r\n\r\n");
    CHECK_FALSE(parsed.error);
    CHECK(parsed.response.framing == Framing::none);
    CHECK(parsed.response.keep_alive);
  }
  // The one harmless slip.
  const ParsedResponse slip("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n");
  CHECK_FALSE(slip.error);
  CHECK(slip.response.framing == Framing::none);
}

TEST_CASE("whether a connection can be used again", "[http1][response]") {
  const std::string length = "Content-Length: 0\r\n";
  CHECK(ParsedResponse("HTTP/1.1 200 x\r\n" + length + "\r\n").response.keep_alive);
  CHECK_FALSE(
      ParsedResponse("HTTP/1.1 200 x\r\nConnection: Close\r\n" + length + "\r\n").response.keep_alive);
  CHECK_FALSE(ParsedResponse("HTTP/1.0 200 x\r\n" + length + "\r\n").response.keep_alive);
  CHECK(ParsedResponse("HTTP/1.0 200 x\r\nConnection: keep-alive\r\n" + length + "\r\n").response.keep_alive);
  CHECK_FALSE(ParsedResponse("HTTP/1.0 200 x\r\nConnection: keep-alive\r\n\r\n").response.keep_alive);
}

TEST_CASE("status lines have one form", "[http1][smuggling]") {
  for (const std::string& line : Texts{"",
                                       " ",
                                       "HTTP/1.1",
                                       "HTTP/1.1 ",
                                       "HTTP/1.1 2",
                                       "HTTP/1.1 20",
                                       "HTTP/1.1 2000 x",
                                       "HTTP/1.1 200x",
                                       "HTTP/1.1 0200 x",
                                       "HTTP/1.1 20 x",
                                       "HTTP/1.1  200 x",
                                       "HTTP/1.1\t200 x",
                                       "HTTP/1.1 200\tx",
                                       "HTTP/1.1 -20 x",
                                       "HTTP/1.1 +20 x",
                                       "HTTP/1.1 2.0 x",
                                       "HTTP/1.1 2 00 x",
                                       "HTTP/1.1 abc x",
                                       "HTTP/1.1 000 x",
                                       "HTTP/1.1 099 x",
                                       "HTTP/1.1 600 x",
                                       "HTTP/1.1 999 x",
                                       "HTTP/1.2 200 x",
                                       "HTTP/2.0 200 x",
                                       "HTTP/0.9 200 x",
                                       "HTTP/1 200 x",
                                       "HTTP/1.1x 200 x",
                                       "HTTP/1.10 200 x",
                                       "HTTP/11 200 x",
                                       "http/1.1 200 x",
                                       "Http/1.1 200 x",
                                       " HTTP/1.1 200 x",
                                       "HTTPS/1.1 200 x",
                                       "ICY 200 OK",
                                       "200 OK",
                                       "GET / HTTP/1.1",
                                       "RTSP/1.0 200 x",
                                       "HTTP/1.1 200 x\x01",
                                       "HTTP/1.1 200 x\x7f",
                                       "HTTP/1.1 200 x\x0b",
                                       "HTTP/1.1 200 x\r",
                                       "HTTP/1.1 200\r",
                                       "HTTP/1.1\r 200 x",
                                       "HTTP/1.1 200 a\rb",
                                       "HTTP/1.1 200 a\nb",
                                       "\xef\xbb\xbfHTTP/1.1 200 x",
                                       "HTTP/1.1:200 x",
                                       "HTTP/1.1 200:x",
                                       "HTTP/1.1 200 x\0y"s,
                                       "HTTP/1.1 200\0"s}) {
    expect_refused(line + "\r\nContent-Length: 0\r\n\r\n");
  }
  expect_refused("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  expect_refused("\r\n");
}

TEST_CASE("a response has one length", "[http1][smuggling]") {
  const std::string cl = "Content-Length: 5\r\n";
  const std::string te = "Transfer-Encoding: chunked\r\n";
  for (const std::string& fields : Texts{cl + te,
                                         te + cl,
                                         cl + cl,
                                         cl + "Content-Length: 6\r\n",
                                         te + te,
                                         "Content-Length: 5, 5\r\n",
                                         "Content-Length: 5,6\r\n",
                                         "Content-Length: +5\r\n",
                                         "Content-Length: -1\r\n",
                                         "Content-Length: 05\r\n",
                                         "Content-Length:\r\n",
                                         "Content-Length: x\r\n",
                                         "Content-Length: 5 \x0b\r\n",
                                         "Content-Length: 0x5\r\n",
                                         "Content-Length: 9223372036854775808\r\n",
                                         "Transfer-Encoding: gzip\r\n",
                                         "Transfer-Encoding: gzip, chunked\r\n",
                                         "Transfer-Encoding: identity\r\n",
                                         "Transfer-Encoding:\r\n",
                                         "Transfer-Encoding: xchunked\r\n",
                                         "Transfer-Encoding: chunked, chunked\r\n",
                                         "Transfer-Encoding: chunked;a\r\n",
                                         "Transfer-Encoding: \x0b"
                                         "chunked\r\n",
                                         cl + "Transfer-Encoding: identity\r\n"}) {
    expect_refused(ok(fields));
  }
  expect_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("a response without a body does not announce one", "[http1][smuggling]") {
  for (const char* status : {"100", "101", "103", "204"}) {
    expect_refused("HTTP/1.1 " + std::string(status) + " x\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect_refused("HTTP/1.1 " + std::string(status) + " x\r\nContent-Length: 5\r\n\r\n");
  }
}

TEST_CASE("the same holds for HEAD and 304: what is invalid stays invalid", "[http1][smuggling]") {
  for (const std::string fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: gzip\r\n"}) {
    CAPTURE(fields);
    CHECK(judge_response(ok(fields), Method::head) == ErrorKind::malformed);
    CHECK(judge_response("HTTP/1.1 304 x\r\n" + fields + "\r\n") == ErrorKind::malformed);
  }
}

TEST_CASE("field lines of responses have one form", "[http1][smuggling]") {
  for (const std::string& fields :
       Texts{"Content-Length : 5\r\n", " Content-Length: 5\r\n", "X: y\r\n z\r\n", "X: y\r\n\tz\r\n",
             ": y\r\n", "X\r\n", "X y\r\n", "X: y\rZ: a\r\n", "X: y\n", "X: \x01\r\n", "X: \x7f\r\n",
             "X\x80: y\r\n", "X: a\r\r\n", "X: y\nSet-Cookie: a=b\r\n", "X: a\0b\r\n"s, "X\0: a\r\n"s,
             "X: a\r\nHTTP/1.1 200 OK\r\n"}) {
    expect_refused(ok(fields + "Content-Length: 0\r\n"));
  }
}

TEST_CASE("too many response fields", "[http1][response]") {
  std::string fields;
  for (int i = 0; i < 11; ++i)
    fields += "Set-Cookie: a\r\n";
  CHECK(ParsedResponse(ok(fields), Method::get, {4096, 10}).error.kind == ErrorKind::head_too_large);
  CHECK_FALSE(ParsedResponse(ok(fields), Method::get, {4096, 11}).error);
}

TEST_CASE("no response makes the parser look beyond its end", "[http1][response]") {
  const std::string seed = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\nX-Y: z\r\n\r\n";
  std::mt19937 random(5);
  for (std::size_t cut = 0; cut <= seed.size(); ++cut)
    const ParsedResponse watched(seed.substr(0, cut) + "\r\n\r\n");
  for (int round = 0; round < 20'000; ++round) {
    std::string head = seed;
    for (unsigned changes = random() % 3 + 1; changes > 0; --changes) {
      const std::string_view odd =
          "\r\n\0 \t:,/.\x7f\x80\xff"
          "0aZ"sv;
      head[random() % (head.size() - 4)] = odd[random() % odd.size()];
    }
    const ParsedResponse watched(head);
  }
  SUCCEED();
}
