#include "sluice/http/grpc.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

struct Request {
  Arena arena;
  RequestHead head;
  Request& with(std::string_view name, std::string_view value) {
    head.fields.add(arena, name, value, field_id(name));
    return *this;
  }
};

bool grpc(std::string_view content_type) {
  Request request;
  return is_grpc(request.with("Content-Type", content_type).head);
}

}  // namespace

TEST_CASE("a call is known by its content type", "[http][grpc]") {
  for (const char* type :
       {"application/grpc", "application/grpc+proto", "application/grpc+json", "Application/gRPC",
        "application/grpc;charset=utf-8", "application/grpc+proto; x=y"}) {
    CAPTURE(type);
    CHECK(grpc(type));
  }
  // gRPC-Web is framed in its own way, and speaks HTTP/1.1 too.
  for (const char* type : {"application/grpc-web", "application/grpc-web+proto", "application/grp",
                           "application/json", "text/application/grpc", "application/grpcx", ""}) {
    CAPTURE(type);
    CHECK_FALSE(grpc(type));
  }
  CHECK_FALSE(is_grpc(RequestHead{}));
}

TEST_CASE("how long the client of a call waits", "[http][grpc]") {
  CHECK(parse_grpc_timeout("1H") == 3600 * kSecond);
  CHECK(parse_grpc_timeout("2M") == 120 * kSecond);
  CHECK(parse_grpc_timeout("3S") == 3 * kSecond);
  CHECK(parse_grpc_timeout("250m") == kSecond / 4);
  CHECK(parse_grpc_timeout("50u") == 50'000);
  CHECK(parse_grpc_timeout("7n") == 7);
  CHECK(parse_grpc_timeout("0S") == 0);
  CHECK(parse_grpc_timeout("00000001S") == kSecond);
  CHECK(parse_grpc_timeout("99999999n") == 99'999'999);
}

TEST_CASE("what is no time to wait is none", "[http][grpc]") {
  for (const char* value : {"", "S", "1", "1s", "1h", "-1S", "+1S", " 1S", "1S ", "1 S", "1.5S", "123456789S",
                            "0x1S", "1SS", "1\0S"}) {
    CAPTURE(value);
    CHECK_FALSE(parse_grpc_timeout(value));
  }
}

TEST_CASE("no time to wait is so long that it would overflow", "[http][grpc]") {
  for (const char* value : {"99999999H", "99999999M", "99999999S"}) {
    CAPTURE(value);
    const auto timeout = parse_grpc_timeout(value);
    REQUIRE(timeout);
    CHECK(*timeout > 24 * 3600 * kSecond);
    CHECK(*timeout < INT64_MAX / 2);  // so that an instant can be made of it
  }
}

TEST_CASE("only calls have a time to wait", "[http][grpc]") {
  Request call;
  call.with("content-type", "application/grpc").with("grpc-timeout", "2S");
  CHECK(grpc_timeout(call.head) == 2 * kSecond);
  Request other;
  other.with("content-type", "text/plain").with("grpc-timeout", "2S");
  CHECK_FALSE(grpc_timeout(other.head));
  Request patient;
  CHECK_FALSE(grpc_timeout(patient.with("content-type", "application/grpc").head));
  Request odd;
  odd.with("content-type", "application/grpc").with("grpc-timeout", "soon");
  CHECK_FALSE(grpc_timeout(odd.head));
}

TEST_CASE("what a gRPC client is told for a status of HTTP", "[http][grpc]") {
  // doc/http-grpc-status-mapping.md
  CHECK(grpc_status_of(400) == 13);
  CHECK(grpc_status_of(401) == 16);
  CHECK(grpc_status_of(403) == 7);
  CHECK(grpc_status_of(404) == 12);
  for (const std::uint16_t status : {429, 502, 503, 504}) {
    CAPTURE(status);
    CHECK(grpc_status_of(status) == 14);
  }
  CHECK(grpc_status_of(413) == 8);
  CHECK(grpc_status_of(431) == 8);
  CHECK(grpc_status_of(500) == 2);
  CHECK(grpc_status_of(418) == 2);
}
