#include "sluice/http/cdn_loop.hpp"

#include "sluice/base/hex.hpp"
#include "sluice/base/text.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

// "id" or "id(node)" of each entry; "!" at the end of what is malformed.
std::string entries(std::string_view value) {
  CdnLoopParser parser(value);
  std::string out;
  CdnInfo info;
  for (;;) {
    switch (parser.next(info)) {
      case CdnLoopParser::Step::end: return out;
      case CdnLoopParser::Step::malformed: return out + "!";
      case CdnLoopParser::Step::info: break;
    }
    out += (out.empty() ? "" : " ") + std::string(info.id);
    if (!info.node.empty()) out += "(" + std::string(info.node) + ")";
  }
}

// A request as it arrives.
struct Request {
  explicit Request(std::string_view host = "a.example", std::uint32_t listener = 0) {
    exchange.request.host = host;
    exchange.origin.listener = listener;
  }
  Request& with(std::string_view value) {
    exchange.request.fields.add(exchange.arena, "CDN-Loop", exchange.arena.copy(value), FieldId::cdn_loop);
    return *this;
  }
  ErrorKind verdict(std::string_view id = "sluice") const { return check_loop(exchange, id).kind; }
  // Our entry for it.
  std::string own(const std::string& id = "sluice") const {
    return id + ";n=" + std::string(Hex(loop_node(exchange)).view());
  }
  Exchange exchange;
};

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i)
    out += text;
  return out;
}

}  // namespace

TEST_CASE("CDN-Loop is taken apart", "[http][cdn]") {
  CHECK(entries("").empty());
  CHECK(entries("foo123.foocdn.example, barcdn.example; trace=\"abcdef\"") ==
        "foo123.foocdn.example barcdn.example");  // RFC 8586 §2
  CHECK(entries("AnotherCDN; abc=123; def=\"456\"") == "AnotherCDN");
  CHECK(entries("cloudflare; loops=1;subreqs=1") == "cloudflare");
  CHECK(entries("[2001:db8::1]:443;n=7") == "[2001:db8::1]:443(7)");
  CHECK(entries("a;n=1,b;N=\"2\" ,\tc ; x=y; n=3") == "a(1) b(2) c(3)");
  CHECK(entries(" ,, a,\t, b ,") == "a b");
  CHECK(entries("a;x=\"b;n=1,c\\\", d\";n=2,e") == "a(2) e");
  CHECK(entries("a;n=;nn=1;m=2") == "a");
  CHECK(entries("a;;b;") == "a");
}

TEST_CASE("what could hide the entries after it is malformed", "[http][cdn]") {
  for (const char* value : {"\"", "a;x=\"", "a;x=\"b\\\"", "a;x=\"\\", "a;\"b\"", "a;x\"b\"", "a\"b\"", "a b",
                            ";", ";a=b", "a;b c", "a;x=\"b\"c"}) {
    CAPTURE(value);
    CHECK(entries(value).ends_with("!"));
    CHECK(Request().with(value).verdict() == ErrorKind::malformed);
  }
  CHECK(entries(repeated(",", 10 * kMostElements)) == "!");
  CHECK(entries("a" + repeated(";b=c", 10 * kMostElements)) == "!");
}

TEST_CASE("a request that has been here is found", "[http][cdn]") {
  const std::string own = Request().own();
  CHECK(Request().verdict() == ErrorKind::none);
  CHECK(Request().with("other, third;n=1").verdict() == ErrorKind::none);
  CHECK(Request().with(own).verdict() == ErrorKind::loop_detected);
  CHECK(Request().with("first").with("a, " + own + ", b").verdict() == ErrorKind::loop_detected);
  CHECK(Request().with("SLUICE ; n=\"" + own.substr(own.size() - 16) + "\"").verdict() ==
        ErrorKind::loop_detected);
  CHECK(check_loop(Request().with(own).exchange, "sluice").side == Side::downstream);
}

TEST_CASE("another process, listener, host or name is no loop", "[http][cdn]") {
  CHECK(Request().with("sluice;n=0123456789abcdef").verdict() == ErrorKind::none);
  CHECK(Request().with(Request("b.example").own()).verdict() == ErrorKind::none);
  CHECK(Request().with(Request("a.example", 1).own()).verdict() == ErrorKind::none);
  CHECK(Request().with(Request().own("edge")).verdict() == ErrorKind::none);
  CHECK(Request().with(Request().own("edge")).verdict("edge") == ErrorKind::loop_detected);
}

TEST_CASE("a chain of our name has an end", "[http][cdn]") {
  Request request;
  for (std::size_t i = 1; i < kMostPasses; ++i) {
    request.with("sluice;n=" + std::to_string(i) + ", other");
    CHECK(request.verdict() == ErrorKind::none);
  }
  CHECK(request.with("Sluice").verdict() == ErrorKind::loop_detected);
}

TEST_CASE("a chain of any names has an end", "[http][cdn]") {
  CHECK(Request().with(repeated("a,", kMostElements)).verdict() == ErrorKind::none);
  CHECK(Request().with(repeated("a,", kMostElements)).with("a").verdict() == ErrorKind::loop_detected);
}

TEST_CASE("without a name nothing is looked at", "[http][cdn]") {
  CHECK(Request().with("a;x=\"").with(Request().own()).verdict("") == ErrorKind::none);
}
