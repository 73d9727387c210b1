// HPACK and the guard behind it. "first": the first block of a connection, every text in it. "again": a later
// one, nearly all of it in the dynamic table.
#include "sluice/http/fields.hpp"

#include "http2/head.hpp"
#include "http2/hpack.hpp"
#include "micro/samples.hpp"

#include <benchmark/benchmark.h>
#include <string>
#include <vector>

namespace sluice::micro {
namespace {

struct Pair {
  std::string_view name;
  std::string_view value;
};

// The browser's request as HTTP/2 has it.
std::vector<Pair> browser() {
  static Arena arena;
  http::RequestHead head;
  parse(kBrowserRequest, arena, head);
  std::vector<Pair> out = {
      {":method", "GET"}, {":scheme", "https"}, {":authority", head.authority}, {":path", head.target}};
  for (const http::Field& field : head.fields.all()) {
    if (field.id == http::FieldId::host || field.id == http::FieldId::connection) continue;
    out.push_back({field.name, field.value});
  }
  return out;
}

std::vector<Pair> response() {
  static Arena arena;
  http::ResponseHead head;
  parse(kResponse, arena, head);
  std::vector<Pair> out;
  for (const http::Field& field : head.fields.all())
    out.push_back({field.name, field.value});
  return out;
}

std::string block(http2::HpackEncoder& encoder, const std::vector<Pair>& fields) {
  std::string out;
  encoder.begin(out);
  for (const Pair& field : fields)
    encoder.field(out, field.name, field.value, http::field_id(field.name));
  return out;
}

// Our encoder puts into the table what it sees twice: from the third block on nothing changes any more.
constexpr int kSettled = 3;

void decode_again(benchmark::State& state) {
  const std::vector<Pair> fields = browser();
  http2::HpackEncoder encoder;
  http2::HpackDecoder decoder;
  Arena arena;
  http2::HpackField field;
  std::string text;
  for (int i = 0; i <= kSettled; ++i) {
    text = block(encoder, fields);
    decoder.begin(text);
    while (decoder.next(&arena, field) == http2::HpackDecoder::Status::field) {
    }
    arena.reset();
  }
  for (auto _ : state) {
    decoder.begin(text);
    while (decoder.next(&arena, field) == http2::HpackDecoder::Status::field)
      benchmark::DoNotOptimize(field);
    arena.reset();
  }
}

void decode_first(benchmark::State& state) {
  http2::HpackEncoder encoder;
  const std::string text = block(encoder, browser());
  Arena arena;
  http2::HpackField field;
  for (auto _ : state) {
    http2::HpackDecoder decoder;
    decoder.begin(text);
    while (decoder.next(&arena, field) == http2::HpackDecoder::Status::field)
      benchmark::DoNotOptimize(field);
    arena.reset();
  }
}

void read_request_again(benchmark::State& state) {
  const std::vector<Pair> fields = browser();
  http2::HpackEncoder encoder;
  http2::HpackDecoder decoder;
  Arena arena;
  std::string text;
  const auto read = [&] {
    http::RequestHead head;
    http2::RequestPseudo pseudo;
    must(http2::read_request(decoder, text, true, {}, arena, head, pseudo).verdict == http2::Block::good);
    benchmark::DoNotOptimize(head);
    arena.reset();
  };
  for (int i = 0; i <= kSettled; ++i) {
    text = block(encoder, fields);
    read();
  }
  for (auto _ : state)
    read();
}

void encode_response(http2::HpackEncoder& encoder, const std::vector<Pair>& fields, std::string& out) {
  out.clear();
  encoder.begin(out);
  encoder.status(out, 200);
  for (const Pair& field : fields)
    encoder.field(out, field.name, field.value, http::field_id(field.name));
  benchmark::DoNotOptimize(out.data());
  benchmark::ClobberMemory();
}

void encode_again(benchmark::State& state) {
  const std::vector<Pair> fields = response();
  http2::HpackEncoder encoder;
  std::string out;
  for (int i = 0; i < kSettled; ++i)
    encode_response(encoder, fields, out);
  for (auto _ : state)
    encode_response(encoder, fields, out);
}

void encode_first(benchmark::State& state) {
  const std::vector<Pair> fields = response();
  std::string out;
  for (auto _ : state) {
    http2::HpackEncoder encoder;
    encode_response(encoder, fields, out);
  }
}

BENCHMARK(decode_first);
BENCHMARK(decode_again);
BENCHMARK(read_request_again);
BENCHMARK(encode_first);
BENCHMARK(encode_again);

}  // namespace
}  // namespace sluice::micro
