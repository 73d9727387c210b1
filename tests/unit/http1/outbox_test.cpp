#include "http1/outbox.hpp"

#include "sluice/base/decimal.hpp"

#include "unit/http1/heads.hpp"
#include "unit/net/loop_fixture.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::http1;
using namespace sluice::test;

namespace {

// What goes over the wire when the outbox is flushed at once.
template <class Fill>
std::string written(Fill fill) {
  net::Loop loop;
  SocketPair pair;
  net::Transport transport(loop, pair.take_first(), false);
  Outbox& out = Outbox::fresh();
  fill(out);
  bool done = false;
  Unsent rest;
  const Error error = out.flush(transport, done, rest);
  CHECK_FALSE(error);
  CHECK(done);
  return drain(pair.second());
}

}  // namespace

TEST_CASE("a request head is written as it was understood", "[http1][outbox]") {
  Arena arena;
  RequestHead head;
  head.method_text = "POST";
  head.target = "/a?b";
  head.authority = "App:8080";
  head.fields.add(arena, "Host", "App:8080", FieldId::host);
  head.fields.add(arena, "X-Gone", "x", FieldId::other);
  head.fields.add(arena, "X-Empty", "", FieldId::other);
  head.fields.all()[1].dropped = true;
  const auto text = [&] { return written([&](Outbox& out) { out.request_head(head, "default"); }); };
  CHECK(text() == "POST /a?b HTTP/1.1\r\nHost: App:8080\r\nX-Empty: \r\n\r\n");
  head.framing = Framing::length;
  head.length = 42;
  CHECK(text() == "POST /a?b HTTP/1.1\r\nHost: App:8080\r\nX-Empty: \r\nContent-Length: 42\r\n\r\n");
  head.framing = Framing::chunked;
  CHECK(text() == "POST /a?b HTTP/1.1\r\nHost: App:8080\r\nX-Empty: \r\nTransfer-Encoding: chunked\r\n\r\n");
  head.framing = Framing::none;
  head.upgrade = "websocket";
  CHECK(text() ==
        "POST /a?b HTTP/1.1\r\nHost: App:8080\r\nX-Empty: \r\nConnection: upgrade\r\nUpgrade: "
        "websocket\r\n\r\n");
}

TEST_CASE("fields that were parsed are written alike, whatever stood around them", "[http1][outbox]") {
  ParsedRequest parsed(
      "GET / HTTP/1.1\r\nHost: a\r\nA: one\r\nB:two\r\nC:\tthree\r\nD:  four\r\nE: five \r\nF: \r\nG:\r\n"
      "H: six\r\nI: seven\r\nJ: eight\r\n\r\n");
  REQUIRE_FALSE(parsed.error);
  Fields& fields = parsed.request.fields;
  const auto text = [&] { return written([&](Outbox& out) { out.request_head(parsed.request, ""); }); };
  CHECK(text() ==
        "GET / HTTP/1.1\r\nHost: a\r\nA: one\r\nB: two\r\nC: three\r\nD: four\r\nE: five\r\nF: \r\nG: \r\n"
        "H: six\r\nI: seven\r\nJ: eight\r\n\r\n");
  for (Field& field : fields.all()) {
    if (std::string_view("AFI").find(field.name) != std::string_view::npos) field.dropped = true;
  }
  fields.add(parsed.arena, "K", "nine", FieldId::other);
  CHECK(text() ==
        "GET / HTTP/1.1\r\nHost: a\r\nB: two\r\nC: three\r\nD: four\r\nE: five\r\nG: \r\n"
        "H: six\r\nJ: eight\r\nK: nine\r\n\r\n");
}

TEST_CASE("a request without Host gets one", "[http1][outbox]") {
  RequestHead head;
  head.method_text = "GET";
  head.target = "/";
  CHECK(written([&](Outbox& out) { out.request_head(head, "10.0.0.1:80"); }) ==
        "GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n");
  head.authority = "from-the-target";
  CHECK(written([&](Outbox& out) { out.request_head(head, "10.0.0.1:80"); }) ==
        "GET / HTTP/1.1\r\nHost: from-the-target\r\n\r\n");
}

TEST_CASE("a response head is written for the connection it goes to", "[http1][outbox]") {
  Arena arena;
  ResponseHead head;
  head.status = 200;
  head.reason = "OK";
  head.length = 3;
  head.fields.add(arena, "Set-Cookie", "a", FieldId::other);
  head.fields.add(arena, "Set-Cookie", "b", FieldId::other);
  const auto text = [&](Framing framing, std::string_view connection) {
    return written([&](Outbox& out) { out.response_head(head, framing, connection); });
  };
  const std::string start = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n";
  CHECK(text(Framing::length, "") == start + "Content-Length: 3\r\n\r\n");
  CHECK(text(Framing::chunked, "close") == start + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(text(Framing::until_close, "close") == start + "Connection: close\r\n\r\n");
  CHECK(text(Framing::none, "") == start + "\r\n");
  head.reason = "";
  CHECK(text(Framing::none, "").starts_with("HTTP/1.1 200 \r\n"));
}

TEST_CASE("pieces go out in order, small and large", "[http1][outbox]") {
  const std::string large = pattern(1000);
  const std::string text = written([&](Outbox& out) {
    out.text("head;");
    out.piece("small");
    out.piece(large);
    out.text(Decimal(18446744073709551615U).view());
    out.piece(large);
    out.text(";tail");
  });
  CHECK((text == "head;small" + large + "18446744073709551615" + large + ";tail"));
}

TEST_CASE("chunks carry their size in hexadecimal", "[http1][outbox]") {
  const std::string large = pattern(70'000);
  Fields none;
  CHECK(written([&](Outbox& out) {
          out.chunk("0123456789");
          out.last_chunk(none, "");
        }) == "a\r\n0123456789\r\n0\r\n\r\n");
  CHECK((written([&](Outbox& out) { out.chunk(large); }) == "11170\r\n" + large + "\r\n"));
}

TEST_CASE("trailers are passed on, but for those that are ours", "[http1][outbox]") {
  Arena arena;
  Fields trailers;
  trailers.add(arena, "X-Sum", "1", FieldId::other);
  trailers.add(arena, "X_Tenant", "evil", FieldId::other);
  trailers.add(arena, "x-tenant", "evil", FieldId::other);
  trailers.add(arena, "X-Gone", "1", FieldId::other);
  trailers.all()[3].dropped = true;
  const auto text = [&](std::string_view own) {
    return written([&](Outbox& out) { out.last_chunk(trailers, own); });
  };
  CHECK(text("X-Tenant") == "0\r\nX-Sum: 1\r\n\r\n");
  CHECK(text("") == "0\r\nX-Sum: 1\r\nX_Tenant: evil\r\nx-tenant: evil\r\n\r\n");
}

TEST_CASE("it says when it has enough, and holds all it was given until then", "[http1][outbox]") {
  const std::string piece = pattern(300);
  int count = 0;
  std::string expected;
  const std::string text = written([&](Outbox& out) {
    CHECK(out.empty());
    for (; out.has_room(); ++count) {
      out.chunk(piece);
      expected += "12c\r\n" + piece + "\r\n";
    }
    CHECK_FALSE(out.empty());
    Fields none;
    out.last_chunk(none, "");
    expected += "0\r\n\r\n";
  });
  CHECK(count > 10);
  CHECK((text == expected));
  const std::string huge(200'000, 'x');
  Outbox& out = Outbox::fresh();
  out.piece(huge);
  CHECK_FALSE(out.has_room());
}

TEST_CASE("what the socket does not take is kept, while the outbox serves others", "[http1][outbox]") {
  net::Loop loop;
  SocketPair pair(4096);
  net::Transport transport(loop, pair.take_first(), false);
  const std::string large = pattern(300'000);
  Outbox& out = Outbox::fresh();
  out.text("head;");
  out.chunk(large);
  out.text("tail");
  bool done = true;
  Unsent rest;
  const Error error = out.flush(transport, done, rest);
  CHECK_FALSE(error);
  REQUIRE_FALSE(done);
  // Somebody else uses the thread's outbox meanwhile.
  Outbox::fresh().text(std::string(10'000, '!'));

  bool written_all = false;
  const auto writer = [&]() -> Task<void> {
    const Error failed = co_await transport.write_all(rest.pieces, 5 * kSecond);
    CHECK_FALSE(failed);
    written_all = true;
  };
  std::string received;
  const auto script = [&]() -> Task<void> {
    start(writer());
    while (!written_all) {
      received += drain(pair.second());
      co_await loop.yield();
    }
    received += drain(pair.second());
  };
  run(loop, script);
  CHECK((received == "head;493e0\r\n" + large + "\r\ntail"));
}

TEST_CASE("a peer that is gone is an error of the flush", "[http1][outbox]") {
  net::Loop loop;
  SocketPair pair;
  net::Transport transport(loop, pair.take_first(), false);
  pair.close_second();
  Outbox& out = Outbox::fresh();
  out.text("x");
  bool done = true;
  Unsent rest;
  CHECK(out.flush(transport, done, rest).kind == ErrorKind::reset);
  CHECK_FALSE(done);
}
