#include "sluice/http1/head.hpp"

#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace std::literals;
using sluice::Rule;
using sluice::http1::check_request_start;
using sluice::http1::HeadScanner;
using State = HeadScanner::State;

namespace {

const std::string kHead = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";

}  // namespace

TEST_CASE("the end of a head is found, and what follows is not part of it", "[http1][scanner]") {
  HeadScanner scanner;
  CHECK(scanner.scan(kHead + "body\r\n\r\n") == State::complete);
  CHECK(scanner.size() == kHead.size());
  CHECK(scanner.first_line() == 16);
  scanner.reset();
  CHECK(scanner.first_line() == 0);
  CHECK(scanner.scan("\r\n") == State::complete);
  CHECK(scanner.size() == 2);
}

TEST_CASE("a head that arrives in two pieces, cut anywhere", "[http1][scanner]") {
  for (std::size_t cut = 0; cut < kHead.size(); ++cut) {
    CAPTURE(cut);
    HeadScanner scanner;
    CHECK(scanner.scan(kHead.substr(0, cut)) == State::incomplete);
    CHECK(scanner.first_line() == (cut < 16 ? 0 : 16));
    CHECK(scanner.scan(kHead) == State::complete);
    CHECK(scanner.size() == kHead.size());
  }
}

TEST_CASE("a head that arrives byte by byte", "[http1][scanner]") {
  HeadScanner scanner;
  for (std::size_t size = 0; size < kHead.size(); ++size) {
    CAPTURE(size);
    CHECK(scanner.scan(std::string_view(kHead).substr(0, size)) == State::incomplete);
  }
  CHECK(scanner.scan(kHead) == State::complete);
  CHECK(scanner.size() == kHead.size());
}

TEST_CASE("a line feed without its carriage return, or with two, is malformed however it arrives",
          "[http1][scanner]") {
  for (const std::string bad :
       {"\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\n\n",
        "GET / HTTP/1.1\r\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "\r\r\n", "a\r \n"}) {
    CAPTURE(bad);
    HeadScanner whole;
    CHECK(whole.scan(bad) == State::malformed);
    CHECK(whole.rule() == (bad.ends_with("\r\r\n") ? Rule::bare_cr : Rule::bare_lf));
    for (std::size_t cut = 0; cut < bad.size(); ++cut) {
      HeadScanner split;
      split.scan(std::string_view(bad).substr(0, cut));
      CHECK(split.scan(bad) == State::malformed);
    }
    HeadScanner slow;
    State last = State::incomplete;
    for (std::size_t size = 1; size <= bad.size() && last == State::incomplete; ++size) {
      last = slow.scan(std::string_view(bad).substr(0, size));
    }
    CHECK(last == State::malformed);
  }
}

TEST_CASE("each byte is looked at once", "[http1][scanner]") {
  // Bytes that were scanned may change behind the scanner's back without its noticing.
  std::string text = "GET / HTTP/1.1\r\nA: b";
  HeadScanner scanner;
  CHECK(scanner.scan(text) == State::incomplete);
  text[3] = '\n';
  text += "\r\n\r\n";
  CHECK(scanner.scan(text) == State::complete);
}

TEST_CASE("what cannot become a request line is told from its first bytes", "[http1][scanner]") {
  for (const std::string good :
       {"", "G", "GET", "GET ", "GET /x", "M-SEARCH * ", "A_B", "POST \r\n", "PRI * HTTP/2.0"}) {
    CAPTURE(good);
    CHECK(check_request_start(good) == Rule::none);
  }
  CHECK(check_request_start(std::string(32, 'A')) == Rule::none);
  CHECK(check_request_start(std::string(32, 'A') + " ") == Rule::none);
  const std::pair<std::string, Rule> bad[] = {
      {"\x16\x03\x01", Rule::not_http},
      {"\0"s, Rule::not_http},
      {"\r\n", Rule::not_http},
      {" GET", Rule::not_http},
      {"\xc3\xa4", Rule::not_http},
      {"get / ", Rule::bad_method},
      {"1GET", Rule::bad_method},
      {"-GET", Rule::bad_method},
      {"{\"a\"", Rule::bad_method},
      {"G\x80", Rule::bad_method},
      {"HTTP/1.1 200 OK", Rule::bad_method},
      {"SSH-2.0-OpenSSH_9.2", Rule::bad_method},
      {std::string(33, 'A'), Rule::bad_method},
      {"GET\t/", Rule::request_line},
      {"GET\r\n", Rule::request_line},
  };
  for (const auto& [start, rule] : bad) {
    CAPTURE(start);
    CHECK(check_request_start(start) == rule);
  }
}
