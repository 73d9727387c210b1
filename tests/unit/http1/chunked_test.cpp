#include "http1/chunked.hpp"

#include "unit/http1/heads.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::http;
using namespace sluice::http1;
using namespace sluice::test;

namespace {

struct Decoded {
  BodyStep end = BodyStep::wait;
  std::string payload;
  std::string trailers;
  std::size_t left = 0;  // bytes behind the body, not consumed
  Rule rule = Rule::none;
  bool operator==(const Decoded&) const = default;
};

// Feeds `wire` cut at the given places.
Decoded decode(std::string_view wire, const std::vector<std::size_t>& cuts = {}) {
  Arena arena;
  Buffer in;
  ChunkDecoder decoder;
  Decoded out;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : wire.size();
    in.reserve(in.size() + to - from + 1);
    std::copy(wire.begin() + static_cast<std::ptrdiff_t>(from),
              wire.begin() + static_cast<std::ptrdiff_t>(to), in.room().begin());
    in.commit(to - from);
    from = to;
    std::string_view piece;
    while ((out.end = decoder.decode(in, arena, piece)) == BodyStep::data) {
      CHECK_FALSE(piece.empty());
      out.payload += piece;
    }
    if (out.end == BodyStep::failed) break;
  }
  for (const Field& field : decoder.trailers().all()) {
    out.trailers += std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  out.left = in.size();
  out.rule = decoder.rule();
  CHECK((out.rule != Rule::none) == (out.end == BodyStep::failed));
  // What is over stays over.
  std::string_view piece;
  CHECK((out.end == BodyStep::wait || decoder.decode(in, arena, piece) == out.end));
  if (out.end == BodyStep::failed) out.left = 0;  // means nothing any more
  return out;
}

std::string hex(std::size_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "%zx", value);
  return text;
}

}  // namespace

TEST_CASE("chunks become their payload", "[http1][chunked]") {
  const std::string large(70'000, 'x');
  const struct {
    std::string wire;
    std::string payload;
  } cases[] = {
      {"0\r\n\r\n", ""},
      {"5\r\nhello\r\n0\r\n\r\n", "hello"},
      {"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", "hello world"},
      {"A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij"},
      {"00005\r\nhello\r\n000\r\n\r\n", "hello"},
      {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"},
      {"5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"},
      {hex(large.size()) + "\r\n" + large + "\r\n0\r\n\r\n", large},
  };
  for (const auto& c : cases) {
    const Decoded got = decode(c.wire);
    CHECK(got.end == BodyStep::end);
    CHECK((got.payload == c.payload));
    CHECK(got.left == 0);
    CHECK(got.trailers.empty());
  }
}

TEST_CASE("what follows the body is left alone", "[http1][chunked]") {
  const Decoded got = decode("2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(got.end == BodyStep::end);
  CHECK(got.payload == "hi");
  CHECK(got.left == 16);
}

TEST_CASE("extensions are read over", "[http1][chunked]") {
  for (const char* extension :
       {";a", ";a=b", ";a;b", ";a=b;c=d", ";a=\"b\"", ";a=\"\"", ";a=\"b;c\"", ";a=\"b\\\"c\"", ";a=\"\\\\\"",
        ";a=\"b c\td\"", ";!#$%&'*+-.^_`|~=1", ";a=\"\xc3\xa4\""}) {
    CAPTURE(extension);
    const Decoded got = decode("2" + std::string(extension) + "\r\nhi\r\n0" + extension + "\r\n\r\n");
    CHECK(got.end == BodyStep::end);
    CHECK(got.payload == "hi");
  }
}

TEST_CASE("trailers are read", "[http1][chunked]") {
  const Decoded got = decode("0\r\nX-Sum: abc\r\nServer-Timing:  x ;dur=1 \r\nDate: d\r\n\r\n");
  CHECK(got.end == BodyStep::end);
  CHECK(got.trailers == "X-Sum=abc;Server-Timing=x ;dur=1;Date=d;");
}

TEST_CASE("cut at every place, the result is the same", "[http1][chunked]") {
  const std::string wires[] = {
      "5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\n\r\nnext",
      "1\r\nx\r\n0;e\r\nA: b\r\nC: d\r\n\r\nnext",
      "0\r\n\r\n",
      // Invalid ones: the same however they arrive.
      "5\r\nhelloX\r\n0\r\n\r\n",
      "5\r\nhello\r0\r\n\r\n",
      "x\r\n",
      "5\nhello\r\n0\r\n\r\n",
      "5 \r\nhello\r\n0\r\n\r\n",
      "0\r\nHost: a\r\n\r\n",
      "0\r\nA: b\n\r\n",
      "5\r\nhello\r\n\r\n",
      "ffffffffffffffff\r\n",
      "5;\r\nhello\r\n0\r\n\r\n",
  };
  for (const std::string& wire : wires) {
    const Decoded whole = decode(wire);
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      INFO(visible(wire) << " cut at " << cut);
      CHECK(decode(wire, {cut}) == whole);
    }
    std::vector<std::size_t> all;
    for (std::size_t i = 1; i < wire.size(); ++i)
      all.push_back(i);
    INFO(visible(wire));
    CHECK(decode(wire, all) == whole);
  }
}

TEST_CASE("a body that is not whole waits for more", "[http1][chunked]") {
  const std::string wire = "5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t size = 0; size < wire.size(); ++size) {
    CAPTURE(size);
    CHECK(decode(wire.substr(0, size)).end == BodyStep::wait);
  }
}

TEST_CASE("size lines have one form", "[http1][smuggling]") {
  for (const std::string& line : {std::string(),
                                  std::string(" "),
                                  std::string("5 "),
                                  std::string(" 5"),
                                  std::string("\t5"),
                                  std::string("5\t"),
                                  std::string("+5"),
                                  std::string("-5"),
                                  std::string("0x5"),
                                  std::string("5h"),
                                  std::string("g"),
                                  std::string("5,"),
                                  std::string("5.0"),
                                  std::string("5 ;a"),
                                  std::string("5; a"),
                                  std::string("5;"),
                                  std::string("5;;a"),
                                  std::string("5;a="),
                                  std::string("5;=b"),
                                  std::string("5;a=b c"),
                                  std::string("5;a =b"),
                                  std::string("5;a= b"),
                                  std::string("5;a=\"b"),
                                  std::string("5;a=\"b\"c"),
                                  std::string("5;a=\"b\\"),
                                  std::string("5;a\x01"),
                                  std::string("5;a=\"\x01\""),
                                  std::string("5;a=\"\x7f\""),
                                  std::string("5;\x80"),
                                  std::string("5\r"),
                                  std::string("5;a\rb"),
                                  std::string("5;a=\"\r\""),
                                  "5\0"s,
                                  "5;a\0"s,
                                  "\0"
                                  "5"s,
                                  std::string("_5"),
                                  std::string("5_"),
                                  std::string("0000000000000005"),
                                  std::string("8000000000000005"),
                                  std::string("fffffffffffffffb"),
                                  std::string("10000000000000005"),
                                  std::string("5\xc2\xa0"),
                                  std::string("\xef\xbc\x95"),
                                  std::string("5:a"),
                                  std::string("5#"),
                                  std::string("5/"),
                                  std::string("5\x0b"),
                                  std::string("5\x0c"),
                                  std::string("0X5"),
                                  std::string("5L")}) {
    INFO(visible(line));
    CHECK(decode(line + "\r\nhello\r\n0\r\n\r\n").end == BodyStep::failed);
  }
}

TEST_CASE("lines end with CRLF, and a chunk ends where it says", "[http1][smuggling]") {
  for (const std::string wire : {"5\nhello\r\n0\r\n\r\n",
                                 "5\rhello\r\n0\r\n\r\n",
                                 "5\r\nhello\n0\r\n\r\n",
                                 "5\r\nhello\r0\r\n\r\n",
                                 "5\r\nhello\rX0\r\n\r\n",
                                 "5X\nhello\r\n0\r\n\r\n",
                                 "55\nhello\r\n0\r\n\r\n",
                                 "5\r\nhello0\r\n\r\n",
                                 "5\r\nhello\r\r\n0\r\n\r\n",
                                 "5\r\nhello \r\n0\r\n\r\n",
                                 "5\r\nhello!\r\n0\r\n\r\n",
                                 "5\r\nhell\r\n0\r\n\r\n",
                                 "5\r\nhello\n\r0\r\n\r\n",
                                 "5\r\nhello\r\n\r\n0\r\n\r\n",
                                 "0\n\r\n",
                                 "0\r\n\n",
                                 "0\n\n",
                                 "0\r\r\n\r\n",
                                 "0\r\n\r\r\n",
                                 "5\r\r\nhello\r\n0\r\n\r\n",
                                 "\r\n5\r\nhello\r\n0\r\n\r\n",
                                 "\n0\r\n\r\n"}) {
    INFO(visible(wire));
    CHECK(decode(wire).end == BodyStep::failed);
  }
}

TEST_CASE("what cannot become a size is refused before its line ends", "[http1][chunked]") {
  CHECK(decode("GET / HTTP/1.1").end == BodyStep::failed);
  CHECK(decode("\r").end == BodyStep::failed);
  CHECK(decode("1" + std::string(255, ';')).end == BodyStep::failed);
  CHECK(decode(std::string(1000, '0')).end == BodyStep::failed);
}

TEST_CASE("which rule a chunk has broken", "[http1][rule]") {
  const std::pair<std::string, Rule> cases[] = {
      {"0\r\n\r\n", Rule::none},
      {"x\r\n", Rule::bad_chunk_size},
      {"\r\n", Rule::bad_chunk_size},
      {"5 \r\n", Rule::bad_chunk_size},
      {"0x5\r\n", Rule::bad_chunk_size},
      {"1000000000000000\r\n", Rule::bad_chunk_size},
      {"5\nhello", Rule::bare_lf},
      {"5;a\nhello", Rule::bare_lf},
      {"5\r\r\nhello", Rule::bare_cr},
      {"5;a\rb\r\nhello", Rule::bare_cr},
      {"5;\r\nhello", Rule::chunk_extension},
      {"5;a b\r\nhello", Rule::chunk_extension},
      {"5;a=\"b\r\nhello", Rule::chunk_extension},
      {"5;" + std::string(300, 'a'), Rule::chunk_line},
      {"5\r\nhelloX", Rule::chunk_end},
      {"5\r\nhello\n", Rule::chunk_end},
      {"0\r\nA: b\n\r\n", Rule::bare_lf},
      {"0\r\nA: b\r\n c\r\n\r\n", Rule::obs_fold},
      {"0\r\nHost: a\r\n\r\n", Rule::trailer_field},
      {"0\r\nA: " + std::string(9'000, 'b'), Rule::trailer_size},
  };
  for (const auto& [wire, rule] : cases) {
    INFO(visible(wire.substr(0, 40)));
    CHECK(to_string(decode(wire).rule) == to_string(rule));
  }
}

TEST_CASE("the largest chunk that can be announced", "[http1][chunked]") {
  const Decoded got = decode("fffffffffffffff\r\nabc");
  CHECK(got.end == BodyStep::wait);
  CHECK(got.payload == "abc");
}

TEST_CASE("extensions cannot be used to flood", "[http1][chunked]") {
  CHECK(decode("1;" + std::string(251, 'a') + "\r\nx\r\n0\r\n\r\n").end == BodyStep::end);
  CHECK(decode("1;" + std::string(253, 'a') + "\r\nx\r\n0\r\n\r\n").end == BodyStep::failed);
  std::string flood;
  for (int i = 0; i < 100; ++i)
    flood += "1;" + std::string(200, 'a') + "\r\nx\r\n";
  CHECK(decode(flood + "0\r\n\r\n").end == BodyStep::failed);
  std::string modest;
  for (int i = 0; i < 1000; ++i)
    modest += "1;aaaa\r\nx\r\n";
  CHECK(decode(modest + "0\r\n\r\n").end == BodyStep::end);
}

TEST_CASE("trailers that frame, route or authenticate are malformed", "[http1][smuggling]") {
  for (const char* name : {"Content-Length",
                           "content_length",
                           "Transfer-Encoding",
                           "Transfer_Encoding",
                           "Host",
                           "Connection",
                           "Keep-Alive",
                           "TE",
                           "Trailer",
                           "Upgrade",
                           "Expect",
                           "Cookie",
                           "Set-Cookie",
                           "Authorization",
                           "Proxy-Authorization",
                           "WWW-Authenticate",
                           "Proxy-Authenticate",
                           "X-Forwarded-For",
                           "X_Forwarded_For",
                           "X-Forwarded-Proto",
                           "X-Forwarded-Host",
                           "X-Forwarded-Anything",
                           "Forwarded",
                           "X-Real-IP",
                           "X-Request-ID",
                           "Content-Type",
                           "Content-Encoding",
                           "Content-Range",
                           "Content-Location",
                           "Range",
                           "Cache-Control",
                           "If-Match",
                           "If-None-Match",
                           "If-Modified-Since",
                           "If-Unmodified-Since",
                           "If-Range",
                           "Max-Forwards",
                           "Location",
                           "Retry-After",
                           "Vary",
                           "Age",
                           "Expires",
                           "Proxy-Connection",
                           "HTTP2-Settings",
                           "X-HTTP-Method-Override",
                           "X-Original-URL",
                           "X-Rewrite-URL",
                           "Set_Cookie",
                           "AUTHORIZATION",
                           "Referer",
                           "User-Agent",
                           "Proxy-Status"}) {
    CAPTURE(name);
    CHECK(decode("0\r\n" + std::string(name) + ": x\r\n\r\n").end == BodyStep::failed);
    CHECK(decode("0\r\nX-Fine: y\r\n" + std::string(name) + ": x\r\n\r\n").end == BodyStep::failed);
  }
}

TEST_CASE("trailer lines have the form of field lines", "[http1][smuggling]") {
  for (const std::string& section :
       {std::string("A\r\n"), std::string("A : b\r\n"), std::string(" A: b\r\n"),
        std::string("A: b\r\n c\r\n"), std::string(": b\r\n"), std::string("A: b\n"),
        std::string("A: \x01\r\n"), std::string("A: b\rC: d\r\n"), "A\0: b\r\n"s,
        std::string("GET / HTTP/1.1\r\n"), std::string("5\r\nhello\r\n"), std::string("A: b\r\r\n")}) {
    INFO(visible(section));
    CHECK(decode("0\r\n" + section + "\r\n").end == BodyStep::failed);
  }
}

TEST_CASE("trailers are bounded", "[http1][chunked]") {
  std::string section;
  for (int i = 0; i < 32; ++i)
    section += "A: b\r\n";
  CHECK(decode("0\r\n" + section + "\r\n").end == BodyStep::end);
  CHECK(decode("0\r\n" + section + "A: b\r\n\r\n").end == BodyStep::failed);
  const std::string fits = "A: " + std::string(8 * 1024 - 7, 'x') + "\r\n\r\n";
  CHECK(decode("0\r\n" + fits).end == BodyStep::end);
  CHECK(decode("0\r\nA" + fits).end == BodyStep::failed);
  CHECK(decode("0\r\nA: " + std::string(8 * 1024, 'x')).end ==
        BodyStep::failed);  // at once, not when it ends
}
