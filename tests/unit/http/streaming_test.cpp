#include "sluice/http/streaming.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

bool streams(std::string_view type, std::string_view buffering = {}, Framing framing = Framing::chunked) {
  Arena arena;
  ResponseHead head;
  head.status = 200;
  head.framing = framing;
  if (!type.empty()) head.fields.add(arena, "content-type", type, FieldId::content_type);
  if (!buffering.empty()) head.fields.add(arena, "x-accel-buffering", buffering, FieldId::other);
  return is_stream(head);
}

}  // namespace

TEST_CASE("responses that declare themselves streams", "[http][streaming]") {
  for (const char* type :
       {"text/event-stream", "Text/Event-Stream", "text/event-stream;charset=utf-8",
        "text/event-stream ; charset=utf-8", "multipart/x-mixed-replace; boundary=x", "application/x-ndjson",
        "application/json-seq", "application/stream+json", "application/grpc", "application/grpc+proto",
        "application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text",
        "application/connect+json", "application/jsonl"}) {
    CAPTURE(type);
    CHECK(streams(type));
    CHECK(streams(type, {}, Framing::until_close));
    // Who knows how long it will be does not wait for events.
    CHECK_FALSE(streams(type, {}, Framing::length));
  }
  CHECK(streams("text/html", "no"));
  CHECK(streams({}, "No"));
}

TEST_CASE("and those that do not", "[http][streaming]") {
  for (const char* type :
       {"", "text/html", "text/event-streams", "text/event-stream-x", "text/event", ";text/event-stream",
        "application/json", "application/stream", "application/grpcx"}) {
    CAPTURE(type);
    CHECK_FALSE(streams(type));
    CHECK_FALSE(streams(type, "yes"));
  }
}
