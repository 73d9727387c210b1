// Header blocks to heads: what is a message, what is none, and what is one that nobody here answers.
#include "http2/head.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http2;
using http::Framing;
using http::Method;

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

std::string encode(const Texts& fields) {
  HpackEncoder encoder;
  std::string block;
  encoder.begin(block);
  for (const auto& [name, value] : fields)
    encoder.field(block, name, value, http::field_id(name));
  return block;
}

enum class End { here, later };

struct Request {
  explicit Request(const Texts& fields, End end = End::here, http::HeadLimits limits = {})
      : Request(encode(fields), end, limits) {}
  explicit Request(const std::string& block, End end = End::here, http::HeadLimits limits = {})
      : result(read_request(decoder, block, end == End::here, limits, arena, head, pseudo)) {}

  Texts fields() const {
    Texts out;
    for (const http::Field& field : head.fields.all()) {
      if (!field.dropped) out.emplace_back(field.name, field.value);
    }
    return out;
  }

  HpackDecoder decoder;
  Arena arena;
  http::RequestHead head;
  RequestPseudo pseudo;
  BlockResult result;
};

const Texts kGet{{":method", "GET"}, {":scheme", "https"}, {":path", "/a?b"}, {":authority", "app.example"}};

Texts with(Texts fields, const Texts& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
Texts without(Texts fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}
Texts changed(Texts fields, std::string_view name, const std::string& value) {
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}

Block verdict(const Texts& fields, End end = End::here) { return Request(fields, end).result.verdict; }
ErrorKind refusal(const Texts& fields, http::HeadLimits limits = {}) {
  const Request request(fields, End::here, limits);
  CHECK(request.result.verdict == Block::refused);
  CHECK(request.result.error.side == Side::downstream);
  return request.result.error.kind;
}

struct Response {
  explicit Response(const Texts& fields, End end = End::later, Method method = Method::get)
      : result(read_response(decoder, encode(fields), end == End::here, {}, method, arena, head)) {}
  HpackDecoder decoder;
  Arena arena;
  http::ResponseHead head;
  BlockResult result;
};

Block response_verdict(const Texts& fields, End end = End::later) {
  return Response(fields, end).result.verdict;
}

}  // namespace

TEST_CASE("a request of HTTP/2 is a request like any other", "[http2][head]") {
  const Request request(with(kGet, {{"accept", "*/*"}, {"x-y", "z"}}));
  REQUIRE(request.result.verdict == Block::good);
  CHECK(request.head.method_text == "GET");
  CHECK(request.head.method == Method::get);
  CHECK(request.head.target == "/a?b");
  CHECK(request.head.path == "/a");
  CHECK(request.head.authority == "app.example");
  CHECK(request.head.host == "app.example");
  CHECK(request.head.major == 2);
  CHECK(request.head.framing == Framing::none);
  CHECK(request.pseudo.scheme == "https");
  CHECK(request.fields() == Texts{{"accept", "*/*"}, {"x-y", "z"}});
}

TEST_CASE("the authority comes from :authority, from Host, or from both if they agree", "[http2][head]") {
  const Texts bare = without(kGet, ":authority");
  const Request from_host(with(bare, {{"host", "B.example.:8443"}}));
  REQUIRE(from_host.result.verdict == Block::good);
  CHECK(from_host.head.host == "b.example");
  CHECK(from_host.head.authority == "B.example.:8443");
  CHECK_FALSE(from_host.head.fields.has(http::FieldId::host));  // written anew from the authority
  CHECK(verdict(with(kGet, {{"host", "app.example"}})) == Block::good);
  CHECK(verdict(with(kGet, {{"host", "APP.example:443"}})) == Block::good);
  CHECK(verdict(with(kGet, {{"host", "app.example:80"}})) == Block::malformed);
  CHECK(verdict(with(kGet, {{"host", "other.example"}})) == Block::malformed);
  CHECK(verdict(with(kGet, {{"host", "app.example"}, {"host", "app.example"}})) == Block::malformed);
  CHECK(verdict(bare) == Block::malformed);
}

TEST_CASE("requests that are malformed", "[http2][head]") {
  const Texts cases[] = {
      {},
      without(kGet, ":method"),
      without(kGet, ":scheme"),
      without(kGet, ":path"),
      changed(kGet, ":method", ""),
      changed(kGet, ":path", ""),
      changed(kGet, ":path", "/a b"),
      changed(kGet, ":method", "GE T"),
      with(kGet, {{":method", "GET"}}),
      with(kGet, {{":path", "/other"}}),
      with(kGet, {{":status", "200"}}),
      with(kGet, {{":unknown", "x"}}),
      with(kGet, {{":protocol", "websocket"}}),
      {{"x", "y"}, {":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}},
      with(kGet, {{"connection", "close"}}),
      with(kGet, {{"keep-alive", "1"}}),
      with(kGet, {{"proxy-connection", "close"}}),
      with(kGet, {{"transfer-encoding", "chunked"}}),
      with(kGet, {{"upgrade", "websocket"}}),
      with(kGet, {{"te", "gzip"}}),
      with(kGet, {{"te", "trailers, gzip"}}),
      with(kGet, {{"", "x"}}),
      with(kGet, {{"a b", "x"}}),
      with(kGet, {{"a:b", "x"}}),
      with(kGet, {{"x", " leading"}}),
      with(kGet, {{"x", "trailing\t"}}),
      with(kGet, {{"x", "a\r\nb: c"}}),
      with(kGet, {{"x", std::string("a\0b", 3)}}),
      with(kGet, {{"content-length", "1x"}}),
      with(kGet, {{"content-length", "+1"}}),
      with(kGet, {{"content-length", "0"}, {"content-length", "0"}}),
      with(kGet, {{"content-length", "99999999999999999999"}}),
  };
  for (const Texts& fields : cases) {
    CAPTURE(fields);
    CHECK(verdict(fields) == Block::malformed);
  }
}

TEST_CASE("which rule a head of HTTP/2 has broken", "[http2][rule]") {
  const Texts post = changed(kGet, ":method", "POST");
  const Texts bare = without(kGet, ":authority");
  const std::pair<Texts, Rule> cases[] = {
      {kGet, Rule::none},
      {without(kGet, ":method"), Rule::pseudo_missing},
      {without(kGet, ":path"), Rule::pseudo_missing},
      {changed(kGet, ":path", ""), Rule::pseudo_empty},
      {with(kGet, {{":path", "/other"}}), Rule::pseudo_twice},
      {with(kGet, {{":unknown", "x"}}), Rule::pseudo_unknown},
      {with({{"x", "y"}}, kGet), Rule::pseudo_order},
      {changed(kGet, ":path", "/a b"), Rule::path_byte},
      {changed(kGet, ":path", "/a\n"), Rule::field_value},
      {changed(kGet, ":path", "*"), Rule::asterisk_form},
      {changed(kGet, ":method", "GE T"), Rule::bad_method},
      {changed(kGet, ":method", "get"), Rule::bad_method},
      {changed(kGet, ":scheme", "ftp"), Rule::bad_scheme},
      {changed(kGet, ":authority", "u@a"), Rule::host_byte},
      {with(kGet, {{":protocol", "websocket"}}), Rule::connect_form},
      {with(kGet, {{"connection", "close"}}), Rule::connection_field},
      {with(kGet, {{"te", "gzip"}}), Rule::te_field},
      {with(kGet, {{"a b", "x"}}), Rule::field_name},
      {with(kGet, {{"x", " y"}}), Rule::field_value},
      {with(kGet, {{"host", "other"}}), Rule::authority_host},
      {with(bare, {{"host", "a"}, {"host", "a"}}), Rule::two_hosts},
      {bare, Rule::missing_host},
      {with(kGet, {{"content-length", "1x"}}), Rule::bad_length},
      {with(kGet, {{"content-length", "0"}, {"content-length", "0"}}), Rule::two_lengths},
      {with(post, {{"content-length", "5"}}), Rule::body_length},
      {changed(kGet, ":method", "TRACE"), Rule::method_denied},
      {with(kGet, {{"expect", "x"}}), Rule::bad_expectation},
      {with(kGet, {{"x", std::string(40'000, 'y')}}), Rule::head_size},
      {changed(kGet, ":path", "/" + std::string(40'000, 'y')), Rule::target_size},
      {with(kGet, Texts(101, {"x", "y"})), Rule::field_count},
  };
  for (const auto& [fields, rule] : cases) {
    const Request request(fields);
    CHECK(to_string(request.result.error.rule) == to_string(rule));
  }
  CHECK(Request(encode(kGet) + std::string("\x00\x01X\x01y", 5)).result.error.rule == Rule::name_case);
  const std::pair<Texts, Rule> responses[] = {
      {{{":status", "200"}}, Rule::none},
      {{{"x", "y"}}, Rule::pseudo_missing},
      {{{":status", "20"}}, Rule::status_line},
      {{{":status", "101"}}, Rule::unasked_upgrade},
      {{{":status", "204"}, {"content-length", "5"}}, Rule::bodiless_length},
      {{{":status", "200"}, {"connection", "close"}}, Rule::connection_field},
  };
  for (const auto& [fields, rule] : responses) {
    const Response response(fields);
    CHECK(to_string(response.result.error.rule) == to_string(rule));
  }
  CHECK(Response(Texts{{":status", "100"}}, End::here).result.error.rule == Rule::interim_end);
}

TEST_CASE("names in upper case are malformed", "[http2][head]") {
  // Our encoder would not write them.
  const std::string block = encode(kGet) + std::string("\x00\x01X\x01y", 5);
  CHECK(Request(block).result.verdict == Block::malformed);
}

TEST_CASE("requests that are well-formed and answered with a refusal", "[http2][head]") {
  CHECK(refusal(changed(kGet, ":path", "http://a/")) == ErrorKind::malformed);
  CHECK(refusal(changed(kGet, ":path", "*")) == ErrorKind::malformed);
  CHECK(refusal(changed(kGet, ":path", "/a#b")) == ErrorKind::malformed);
  CHECK(refusal(changed(kGet, ":authority", "user@app.example")) == ErrorKind::malformed);
  CHECK(refusal(changed(kGet, ":scheme", "ftp")) == ErrorKind::malformed);
  CHECK(refusal(changed(kGet, ":method", "TRACE")) == ErrorKind::method_refused);
  CHECK(refusal({{":method", "CONNECT"}, {":authority", "a:1"}}) == ErrorKind::method_refused);
  CHECK(refusal(with(kGet, {{"expect", "200-ok"}})) == ErrorKind::expectation_failed);
}

TEST_CASE("OPTIONS may ask about the server as a whole over HTTP/2", "[http2][head]") {
  const Request request(changed(changed(kGet, ":method", "OPTIONS"), ":path", "*"));
  REQUIRE(request.result.verdict == Block::good);
  CHECK(request.head.target == "*");
  CHECK(request.head.path == "/");
}

TEST_CASE("where the body ends", "[http2][head]") {
  const Texts post = changed(kGet, ":method", "POST");
  const auto framing = [](const Texts& fields, End end) { return Request(fields, end).head.framing; };
  CHECK(framing(kGet, End::here) == Framing::none);
  CHECK(framing(kGet, End::later) == Framing::chunked);
  CHECK(framing(post, End::later) == Framing::chunked);
  CHECK(framing(with(post, {{"content-length", "5"}}), End::later) == Framing::length);
  // An HTTP/1.1 server may insist on being told.
  const Request empty(post, End::here);
  CHECK(empty.head.framing == Framing::length);
  CHECK(empty.head.length == 0);
  CHECK(verdict(with(post, {{"content-length", "5"}}), End::here) == Block::malformed);
  CHECK(verdict(with(post, {{"content-length", "0"}}), End::here) == Block::good);
}

TEST_CASE("the crumbs of a cookie become one", "[http2][head]") {
  const Request request(with(kGet, {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  REQUIRE(request.result.verdict == Block::good);
  CHECK(request.fields() == Texts{{"x", "y"}, {"cookie", "a=1; b=2; c=3"}});
}

TEST_CASE("TE, Expect and priority are understood", "[http2][head]") {
  const Request request(with(kGet, {{"te", "Trailers"}, {"expect", "100-Continue"}, {"priority", "u=1"}}));
  REQUIRE(request.result.verdict == Block::good);
  CHECK(request.head.trailers_wanted);
  CHECK(request.head.expect_continue);
  CHECK(request.pseudo.priority == "u=1");
}

TEST_CASE("an extended CONNECT is what GET with Upgrade is in HTTP/1.1", "[http2][head]") {
  const Texts connect = with(changed(kGet, ":method", "CONNECT"), {{":protocol", "websocket"}});
  const Request request(connect, End::later);
  REQUIRE(request.result.verdict == Block::good);
  CHECK(request.head.method_text == "GET");
  CHECK(request.head.upgrade == "websocket");
  CHECK(request.head.framing == Framing::none);
  CHECK(verdict(connect, End::here) == Block::malformed);
  CHECK(verdict(with(connect, {{"content-length", "5"}}), End::later) == Block::malformed);
  CHECK(verdict(without(connect, ":path"), End::later) == Block::malformed);
  CHECK(verdict(without(connect, ":protocol"), End::later) == Block::malformed);
  CHECK(Request(changed(connect, ":protocol", "connect-udp"), End::later).result.error.kind ==
        ErrorKind::method_refused);
}

TEST_CASE("heads have their bounds", "[http2][head]") {
  const http::HeadLimits limits{1'000, 5};
  CHECK(refusal(with(kGet, {{"x", std::string(1'000, 'x')}}), limits) == ErrorKind::head_too_large);
  CHECK(refusal(with(kGet, {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}, {"f", ""}}), limits) ==
        ErrorKind::head_too_large);
  CHECK(Request(with(kGet, {{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""}}), End::here, limits)
            .result.verdict == Block::good);
  const Texts long_target = changed(kGet, ":path", "/" + std::string(900, 'x'));
  CHECK(Request(long_target, End::here, limits).result.verdict == Block::good);
  CHECK(refusal(with(long_target, {{"x", std::string(100, 'x')}}), limits) == ErrorKind::target_too_long);
  CHECK(refusal(changed(kGet, ":path", "/" + std::string(2'000, 'x')), limits) == ErrorKind::target_too_long);
}

TEST_CASE("a block that decodes to far more than a head may have is no mistake", "[http2][head]") {
  // One large field in the table, and then a byte for each time it comes again.
  std::string block = encode(kGet);
  std::string value(3'000, 'x');
  block += std::string("\x40\x01x\x7f", 4);
  block += static_cast<char>(0xb9);  // 127 + 2873
  block += static_cast<char>(0x16);
  block += value;
  block += std::string(1'000, static_cast<char>(0xbe));
  CHECK(Request(block, End::here, {4'096, 100}).result.verdict == Block::bomb);
}

TEST_CASE("what is not HPACK is an error of the connection", "[http2][head]") {
  CHECK(Request(std::string("\xff\xff\xff\xff\xff\xff", 6)).result.verdict == Block::compression);
  CHECK(Request(encode(kGet) + "\x80").result.verdict == Block::compression);
  CHECK(Request(with(kGet, {{"connection", "x"}})).result.verdict == Block::malformed);
  // Also behind what is malformed.
  CHECK(Request(encode(with(kGet, {{"connection", "x"}})) + "\x80").result.verdict == Block::compression);
}

TEST_CASE("a block that is not wanted leaves the table as if it had been", "[http2][head]") {
  HpackEncoder encoder;
  HpackDecoder decoder;
  const auto block = [&encoder] {
    std::string out;
    encoder.begin(out);
    for (const auto& [name, value] : with(kGet, {{"x-often", "the same"}, {"x-bad", " "}}))
      encoder.field(out, name, value, http::field_id(name));
    return out;
  };
  CHECK(skip_block(decoder, block()));
  CHECK(skip_block(decoder, block()));
  CHECK(skip_block(decoder, block()));
  CHECK(decoder.table().count() == encoder.table().count());
  CHECK(decoder.table().count() > 0);
  Arena arena;
  http::RequestHead head;
  RequestPseudo pseudo;
  CHECK(read_request(decoder, block(), true, {}, arena, head, pseudo).verdict == Block::malformed);
  CHECK(decoder.table().size() == encoder.table().size());
  CHECK_FALSE(skip_block(decoder, "\x80"));
}

TEST_CASE("a response of HTTP/2 is a response like any other", "[http2][head]") {
  const Response response({{":status", "404"}, {"content-length", "5"}, {"x", "y"}});
  REQUIRE(response.result.verdict == Block::good);
  CHECK(response.head.status == 404);
  CHECK(response.head.reason == "Not Found");
  CHECK(response.head.framing == Framing::length);
  CHECK(response.head.length == 5);
  CHECK(response.head.fields.value(http::FieldId::content_length) == "5");
  CHECK(Response(Texts{{":status", "200"}}).head.framing == Framing::chunked);
  CHECK(Response(Texts{{":status", "200"}}, End::here).head.framing == Framing::length);
  CHECK(Response(Texts{{":status", "204"}}, End::here).head.framing == Framing::none);
}

TEST_CASE("responses that are malformed", "[http2][head]") {
  const Texts cases[] = {{},
                         {{"x", "y"}},
                         {{":status", ""}},
                         {{":status", "20"}},
                         {{":status", "2000"}},
                         {{":status", "099"}},
                         {{":status", "600"}},
                         {{":status", "+20"}},
                         {{":status", "101"}},
                         {{":status", "200"}, {":status", "200"}},
                         {{":status", "200"}, {":path", "/"}},
                         {{"x", "y"}, {":status", "200"}},
                         {{":status", "200"}, {"connection", "close"}},
                         {{":status", "200"}, {"transfer-encoding", "chunked"}},
                         {{":status", "200"}, {"x", " y"}},
                         {{":status", "200"}, {"content-length", "5"}, {"content-length", "5"}},
                         {{":status", "200"}, {"content-length", "x"}},
                         {{":status", "204"}, {"content-length", "5"}}};
  for (const Texts& fields : cases) {
    CAPTURE(fields);
    CHECK(response_verdict(fields) == Block::malformed);
  }
  CHECK(response_verdict({{":status", "100"}}, End::here) == Block::malformed);
  CHECK(response_verdict({{":status", "100"}}, End::later) == Block::good);
  CHECK(response_verdict({{":status", "200"}, {"content-length", "5"}}, End::here) == Block::malformed);
}

TEST_CASE("a response without a body may tell the length of one", "[http2][head]") {
  const Texts head{{":status", "200"}, {"content-length", "5"}};
  const Response to_head(head, End::here, Method::head);
  CHECK(to_head.result.verdict == Block::good);
  CHECK(to_head.head.length == 5);
  CHECK(Response({{":status", "304"}, {"content-length", "5"}}, End::here).result.verdict == Block::good);
}

TEST_CASE("trailers are fields, and only such as may come late", "[http2][head]") {
  const auto trailers = [](const Texts& fields) {
    HpackDecoder decoder;
    Arena arena;
    http::Fields out;
    return read_trailers(decoder, encode(fields), {1'000, 5}, arena, out).verdict;
  };
  CHECK(trailers({{"grpc-status", "0"}, {"x", "y"}}) == Block::good);
  CHECK(trailers({}) == Block::good);
  CHECK(trailers({{":status", "200"}}) == Block::malformed);
  CHECK(trailers({{"content-length", "5"}}) == Block::malformed);
  CHECK(trailers({{"host", "a"}}) == Block::malformed);
  CHECK(trailers({{"transfer-encoding", "chunked"}}) == Block::malformed);
  CHECK(trailers({{"x", std::string(2'000, 'x')}}) == Block::malformed);
}
