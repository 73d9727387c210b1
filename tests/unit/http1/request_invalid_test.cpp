// Requests that are refused: whatever RFC 9112 calls invalid, or two parsers could read differently. Field
// lines are in request_fields_test.cpp.
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

}  // namespace

TEST_CASE("request lines have one form", "[http1][smuggling]") {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  for (const std::string& line : Texts{"",
                                       " ",
                                       "GET",
                                       "GET ",
                                       "GET /",
                                       "GET / ",
                                       "GET  / HTTP/1.1",
                                       "GET /  HTTP/1.1",
                                       "GET / HTTP/1.1 ",
                                       " GET / HTTP/1.1",
                                       "\tGET / HTTP/1.1",
                                       "GET\t/ HTTP/1.1",
                                       "GET /\tHTTP/1.1",
                                       "GET\x0b/ HTTP/1.1",
                                       "GET /\x0bHTTP/1.1",
                                       "GET /\x0cHTTP/1.1",
                                       "GET /\xa0HTTP/1.1",
                                       "GET / x HTTP/1.1",
                                       "GET /a b HTTP/1.1",
                                       "GET / HTTP/1.1 x",
                                       "GET / HTTP/1.1\t",
                                       "GET / HTTP/1.1 HTTP/1.1",
                                       "GET HTTP/1.1",
                                       "/ HTTP/1.1",
                                       "GET / HTTP 1.1",
                                       "GET / HTTP/",
                                       "GET / HTTP/1",
                                       "GET / HTTP/1.",
                                       "GET / HTTP/.1",
                                       "GET / HTTP/11",
                                       "GET / HTTP/1.1.1",
                                       "GET / HTTP/1.10",
                                       "GET / HTTP/01.1",
                                       "GET / HTTP/1.01",
                                       "GET / HTTP/1,1",
                                       "GET / HTTP/+1.1",
                                       "GET / HTTP/a.b",
                                       "GET / http/1.1",
                                       "GET / Http/1.1",
                                       "GET / HTTPS/1.1",
                                       "GET / XTTP/1.1",
                                       "GET / HTTP\\1.1",
                                       "GET / /1.1",
                                       "GET / ICY",
                                       "GET / HTTP/1.1\x0b",
                                       "GET / HTTP/\xc2\xb9.1",
                                       "GET / HTTP-1.1",
                                       "GET /\r HTTP/1.1",
                                       "GET / HTTP/1.1\r",
                                       "GET /\nHTTP/1.1",
                                       "HTTP/1.1 200 OK",
                                       "get / HTTP/1.1",
                                       "Get / HTTP/1.1",
                                       "GeT / HTTP/1.1",
                                       "GET: / HTTP/1.1",
                                       "GET, / HTTP/1.1",
                                       "G\x80T / HTTP/1.1",
                                       "(GET) / HTTP/1.1",
                                       "\"GET\" / HTTP/1.1",
                                       "1GET / HTTP/1.1",
                                       "-GET / HTTP/1.1",
                                       "_GET / HTTP/1.1",
                                       "GET\x01 / HTTP/1.1",
                                       "\xef\xbb\xbfGET / HTTP/1.1",
                                       "GET/ HTTP/1.1",
                                       "GET /HTTP/1.1",
                                       "GET\r / HTTP/1.1",
                                       "G ET / HTTP/1.1",
                                       "GET!x / HTTP/1.1"}) {
    expect_request_refused(line + rest);
  }
  expect_request_refused(nul("GET", " / HTTP/1.1") + rest);
  expect_request_refused(nul("GET /", " HTTP/1.1") + rest);
  expect_request_refused(nul("", "GET / HTTP/1.1") + rest);
  expect_request_refused(std::string(33, 'A') + " / HTTP/1.1" + rest);
  expect_request_refused("\r\nGET / HTTP/1.1" +
                         rest);  // the connection takes one off; a head does not start with it
}

TEST_CASE("versions other than 1.0 and 1.1 are told apart from nonsense", "[http1][request]") {
  for (const char* version :
       {"HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"}) {
    expect_request_refused("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n",
                           ErrorKind::version_unsupported);
  }
  expect_request_refused("PRI * HTTP/2.0\r\n\r\n", ErrorKind::version_unsupported);
}

TEST_CASE("CONNECT and TRACE are refused as methods", "[http1][request]") {
  expect_request_refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", ErrorKind::method_refused);
  expect_request_refused("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", ErrorKind::method_refused);
  expect_request_refused("CONNECT a:443 HTTP/1.0\r\n\r\n", ErrorKind::method_refused);
}

TEST_CASE("there is one Host, and it is a host", "[http1][smuggling]") {
  const std::string line = "GET / HTTP/1.1\r\n";
  for (const std::string& fields : Texts{"",
                                         "Host: a\r\nHost: a\r\n",
                                         "Host: a\r\nHost: b\r\n",
                                         "Host: a\r\nhost: b\r\n",
                                         "Host:\r\n",
                                         "Host: \r\n",
                                         "Host: a, b\r\n",
                                         "Host: a b\r\n",
                                         "Host: a@b\r\n",
                                         "Host: a/b\r\n",
                                         "Host: a#b\r\n",
                                         "Host: a?b\r\n",
                                         "Host: http://a\r\n",
                                         "Host: a:b\r\n",
                                         "Host: a:80:80\r\n",
                                         "Host: a:\r\n",
                                         "Host: a:0\r\n",
                                         "Host: a:99999\r\n",
                                         "Host: a..b\r\n",
                                         "Host: .\r\n",
                                         "Host: [::1\r\n",
                                         "Host: ::1\r\n",
                                         "Host: 127.1\r\n",
                                         "Host: a\tb\r\n",
                                         "Host: \xc3\xa4\r\n",
                                         "Host: a%2eb\r\n",
                                         "Host: -\r\n",
                                         "Host: a;b\r\n",
                                         "Host: a\\b\r\n",
                                         "Host: *\r\n",
                                         "Host : a\r\n",
                                         " Host: a\r\n",
                                         "Host: a\r\n b\r\n",
                                         "Host:\r\n a\r\n",
                                         "Hos: a\r\n",
                                         "H_ost: a\r\n",
                                         "X: y\r\n",
                                         "Host: a\x0b\r\n",
                                         "Host: (a)\r\n",
                                         "Host: \"a\"\r\n",
                                         "Host: a:80@b\r\n",
                                         "Host: 0x7f.1\r\n"}) {
    expect_request_refused(line + fields + "\r\n");
  }
  expect_request_refused(line + nul("Host: a", "\r\n\r\n"));
  expect_request_refused(line + nul("Host: a", "b\r\n\r\n"));
  // In HTTP/1.0 there need be none, but two are two and nonsense is nonsense.
  expect_request_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
  expect_request_refused("GET / HTTP/1.0\r\nHost: a b\r\n\r\n");
  expect_request_refused("GET / HTTP/1.0\r\nHost:\r\n\r\n");
}

TEST_CASE("absolute-form and Host agree", "[http1][smuggling]") {
  const struct {
    const char* target;
    const char* host;
  } cases[] = {
      {"http://a/", "b"},
      {"http://a/", "a.b"},
      {"http://a:81/", "a"},
      {"http://a/", "a:81"},
      {"https://a/", "a:80"},
      {"http://a:443/", "a"},
      {"http://a:80/", "a:443"},
      {"https://a:80/", "a"},
      {"http://[::1]/", "a"},
      {"http://a@b/", "b"},
      {"http://a@b/", "a"},
      {"http://b:80@a/", "a"},
      {"http:///", "a"},
      {"http://", "a"},
      {"http:/a/", "a"},
      {"http:a/", "a"},
      {"://a/", "a"},
      {"ftp://a/", "a"},
      {"ws://a/", "a"},
      {"file:///etc", "a"},
      {"http//a/", "a"},
      {"http://a#b", "a"},
      {"http://a\\b/", "a"},
      {"http://a:/", "a"},
      {"http://a:0/", "a"},
      {"http://a:x/", "a"},
      {"http://a b/", "a"},
      {"http://a/\\", "a"},
      {"http://a/#", "a"},
      {"http://a?#", "a"},
      {"http://a.../", "a"},
      {"http://%61/", "a"},
      {"httpx://a/", "a"},
      {"http://a;b/", "a"},
      {"a:80", "a"},
      {"a", "a"},
      {"a/b", "a"},
      {"?a", "a"},
      {"*", "a"},
      {"**", "a"},
      {"*/", "a"},
      {"*?a", "a"},
      {"#", "a"},
      {"/#", "a"},
      {"/a#b", "a"},
      {"\\", "a"},
      {"%2f", "a"},
      {"/%00", "a"},
      {"/\xc3\xa4", "a"},
      {"/\x7f", "a"},
      {"/\x80", "a"},
      {"/\xff", "a"},
      {"/<a>", "a"},
      {"/a\"", "a"},
      {"/a{b}", "a"},
      {"/?\xff", "a"},
      {"/?a\"b", "a"},
  };
  for (const auto& c : cases)
    expect_request_refused("GET " + std::string(c.target) + " HTTP/1.1\r\nHost: " + c.host + "\r\n\r\n");
  expect_request_refused("GET http://a/ HTTP/1.1\r\n\r\n");
  expect_request_refused("GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n");
  expect_request_refused("POST * HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_request_refused("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("expectations that nobody can meet", "[http1][request]") {
  for (const char* value : {"", "100", "100-continu", "100-continue, x", "x", "100-continue;q=1", "200-ok"}) {
    expect_request_refused("POST / HTTP/1.1\r\nHost: a\r\nExpect: " + std::string(value) + "\r\n\r\n",
                           ErrorKind::expectation_failed);
  }
  expect_request_refused("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n",
                         ErrorKind::expectation_failed);
}

TEST_CASE("a head that is an empty line is refused without a look beyond it", "[http1][request]") {
  // What the second of two empty lines becomes.
  CHECK(ParsedRequest("\r\n").error.kind == ErrorKind::malformed);
}

TEST_CASE("no head makes the parser look beyond its end", "[http1][request]") {
  // The sanitizer watches: each head lies in memory of exactly its size.
  const std::string seeds[] = {
      "POST http://a.example:80/x;y?z HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
      "chunked\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.0\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
      "GET /%41 HTTP/1.1\r\nHost: [::1]:80\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  };
  std::mt19937 random(3);
  for (const std::string& seed : seeds) {
    for (std::size_t cut = 0; cut <= seed.size(); ++cut)
      const ParsedRequest watched(seed.substr(0, cut) + "\r\n\r\n");
    for (int round = 0; round < 20'000; ++round) {
      std::string head = seed;
      for (unsigned changes = random() % 3 + 1; changes > 0; --changes) {
        const std::string_view odd =
            "\r\n\0 \t:,;/%.[]@#?*\x7f\x80\xff"
            "0aZ"sv;
        head[random() % (head.size() - 4)] = odd[random() % odd.size()];
      }
      const ParsedRequest watched(head);
    }
  }
  SUCCEED();
}
