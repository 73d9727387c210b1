// A chunked body that arrives in pieces is the body that arrives at once. The first byte of the input says
// how it is cut.
#include "http1/chunked.hpp"
#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

namespace {

struct Result {
  http::BodyStep end = http::BodyStep::wait;
  std::string payload;
  std::string trailers;
  std::size_t left = 0;
};

Result decode(std::string_view wire, std::size_t step) {
  Arena arena;
  Buffer in;
  http1::ChunkDecoder decoder;
  Result out;
  while (!wire.empty() && out.end == http::BodyStep::wait) {
    const std::string_view part = wire.substr(0, step);
    wire.remove_prefix(part.size());
    in.reserve(in.size() + part.size());
    std::memcpy(in.room().data(), part.data(), part.size());
    in.commit(part.size());
    std::string_view piece;
    while ((out.end = decoder.decode(in, arena, piece)) == http::BodyStep::data)
      out.payload += piece;
    step = step * 7 % 61 + 1;  // not always at the same distance
  }
  must((decoder.rule() != Rule::none) == (out.end == http::BodyStep::failed));
  out.left = in.size() + wire.size();
  must_be_clean(decoder.trailers());
  out.trailers = written(decoder.trailers());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire = text_of(data, size).substr(1);
  const Result whole = decode(wire, wire.size());
  const Result split = decode(wire, data[0] % 64U + 1);
  must(whole.end == split.end && whole.payload == split.payload);
  if (whole.end == http::BodyStep::end) must(whole.trailers == split.trailers && whole.left == split.left);
  must(whole.payload.size() <= wire.size());
  return 0;
}
