// Which rule it is that a refused head has broken. That it is refused at all, in all spellings, is in the
// other files.
#include "unit/http1/heads.hpp"

#include <string>
#include <utility>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::test;

namespace {

using Cases = std::initializer_list<std::pair<std::string, Rule>>;

void check_requests(Cases cases) {
  for (const auto& [head, rule] : cases) {
    INFO(visible(head));
    CHECK(to_string(rule_of_request(head)) == to_string(rule));
  }
}

// A request for `target`, and one with further field lines.
std::string to(const std::string& target, const std::string& host = "a") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}
std::string with(const std::string& lines) { return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n"; }
std::string answer(const std::string& lines, const std::string& status = "HTTP/1.1 200 OK") {
  return status + "\r\n" + lines + "\r\n\r\n";
}

}  // namespace

TEST_CASE("rules of the request line", "[http1][rule]") {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  check_requests({
      {to("/"), Rule::none},
      {"\x16\x03\x01" + rest, Rule::not_http},
      {"\r\n", Rule::not_http},
      {"get / HTTP/1.1" + rest, Rule::bad_method},
      {"G(ET / HTTP/1.1" + rest, Rule::bad_method},
      {std::string(33, 'A') + " / HTTP/1.1" + rest, Rule::bad_method},
      {"GET" + rest, Rule::request_line},
      {"GET /" + rest, Rule::request_line},
      {"GET  / HTTP/1.1" + rest, Rule::request_line},
      {"GET /  HTTP/1.1" + rest, Rule::request_line},
      {"GET / HTTP/1.1 " + rest, Rule::request_line},
      {"GET / x HTTP/1.1" + rest, Rule::request_line},
      {"GET\t/ HTTP/1.1" + rest, Rule::request_line},
      {"GET / http/1.1" + rest, Rule::bad_version},
      {"GET / HTTP/1.10" + rest, Rule::bad_version},
      {"GET / HTTP/2" + rest, Rule::bad_version},
      {"GET / HTTP/2.0" + rest, Rule::other_version},
      {"TRACE / HTTP/1.1" + rest, Rule::method_denied},
      {"CONNECT a:443 HTTP/1.1" + rest, Rule::method_denied},
  });
}

TEST_CASE("rules of the target and the host", "[http1][rule]") {
  check_requests({
      {to("ftp://a/"), Rule::target_form},
      {to("a"), Rule::target_form},
      {to("*"), Rule::asterisk_form},
      {to("http://a/"), Rule::none},
      {to("http://b/"), Rule::absolute_form_host},
      {to("http://a:81/"), Rule::absolute_form_host},
      {to("http://u@a/"), Rule::host_byte},
      {to("/a#b"), Rule::path_byte},
      {to("/\xff"), Rule::path_byte},
      {to(nul("/a", "b")), Rule::path_byte},
      {to("/?\""), Rule::query_byte},
      {to("/?a\x01"), Rule::query_byte},
      {to("/%zz"), Rule::bad_percent},
      {to("/%4"), Rule::bad_percent},
      {to("/%00"), Rule::encoded_nul},
      {"GET / HTTP/1.1\r\n\r\n", Rule::missing_host},
      {to("/", ""), Rule::missing_host},
      {to("/", ":80"), Rule::missing_host},
      {to("/", "a\r\nHost: a"), Rule::two_hosts},
      {to("/", "a b"), Rule::host_byte},
      {to("/", "a%2eb"), Rule::host_byte},
      {to("/", "a..b"), Rule::host_label},
      {to("/", "-a"), Rule::host_label},
      {to("/", std::string(64, 'a')), Rule::host_label},
      {to("/", std::string(254, 'a')), Rule::host_length},
      {to("/", std::string(300, 'a')), Rule::host_length},
      {to("/", "127.1"), Rule::host_number},
      {to("/", "0x7f"), Rule::host_number},
      {to("/", "[::1"), Rule::host_address},
      {to("/", "[1.2.3.4]"), Rule::host_address},
      {to("/", "[::1]:0"), Rule::host_port},
      {to("/", "a:99999"), Rule::host_port},
  });
}

TEST_CASE("rules of field lines", "[http1][rule]") {
  check_requests({
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", Rule::bare_lf},
      {with("A: b\nC: d"), Rule::bare_lf},
      {with("A: b\rC: d"), Rule::bare_cr},
      {with("A: b\r"), Rule::bare_cr},
      {with("A\rB: c"), Rule::bare_cr},
      {with("A: b\r\n c"), Rule::obs_fold},
      {with("\tA: b"), Rule::obs_fold},
      {with("A : b"), Rule::space_before_colon},
      {with("A\t : b"), Rule::space_before_colon},
      {with("A"), Rule::missing_colon},
      {with("A b"), Rule::missing_colon},
      {with("A b: c"), Rule::field_name},
      {with(": b"), Rule::field_name},
      {with("A(: b"), Rule::field_name},
      {with(nul("A", ": b")), Rule::field_name},
      {with(nul("A: ", "b")), Rule::field_value},
      {with("A: \x7f"), Rule::field_value},
  });
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "A: b\r\n";
  check_requests({{with(many + "A: b"), Rule::field_count}});
}

TEST_CASE("rules of lengths and of single fields", "[http1][rule]") {
  check_requests({
      {with("Content-Length: 1\r\nTransfer-Encoding: chunked"), Rule::length_and_coding},
      {with("Content-Length: 1\r\nContent-Length: 1"), Rule::two_lengths},
      {with("Content-Length: 1, 1"), Rule::two_lengths},
      {with("Content-Length: +1"), Rule::bad_length},
      {with("Content-Length: 01"), Rule::bad_length},
      {with("Content-Length:"), Rule::bad_length},
      {with("Transfer-Encoding: gzip, chunked"), Rule::bad_coding},
      {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), Rule::bad_coding},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Rule::old_coding},
      {with("Connection: " + std::string(40, ',')), Rule::connection_options},
      {with("Expect: x"), Rule::bad_expectation},
  });
}

TEST_CASE("rules of responses", "[http1][rule]") {
  const std::pair<std::string, Rule> cases[] = {
      {answer("A: b"), Rule::none},
      {"hello\r\n\r\n", Rule::not_http},
      {answer("A: b", "HTTP/2 200 OK"), Rule::bad_version},
      {answer("A: b", "HTTP/2.0 200 OK"), Rule::bad_version},
      {answer("A: b", "http/1.1 200 OK"), Rule::not_http},
      {answer("A: b", "HTTP/1.1 20 OK"), Rule::status_line},
      {answer("A: b", "HTTP/1.1 099 OK"), Rule::status_line},
      {answer("A: b", "HTTP/1.1 200 O\x01K"), Rule::status_line},
      {answer("A: b\r\n c"), Rule::obs_fold},
      {answer("A : b"), Rule::space_before_colon},
      {answer("Content-Length: 2x"), Rule::bad_length},
      {answer("Content-Length: 2\r\nContent-Length: 3"), Rule::two_lengths},
      {answer("Content-Length: 2", "HTTP/1.1 204 No Content"), Rule::bodiless_length},
      {answer("Transfer-Encoding: chunked", "HTTP/1.1 103 Early Hints"), Rule::bodiless_length},
  };
  for (const auto& [head, rule] : cases) {
    INFO(visible(head));
    CHECK(to_string(rule_of_response(head)) == to_string(rule));
  }
  CHECK(http1::check_response_start("HT") == Rule::none);
  CHECK(http1::check_response_start("HTTP/2") == Rule::bad_version);
  CHECK(http1::check_response_start("ICY") == Rule::not_http);
}
