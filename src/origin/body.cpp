#include "origin/body.hpp"

#include "origin/toolkit/chunked.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::origin {

void BodySummary::want_digest() {
  digest_.reset(EVP_MD_CTX_new());
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}

void BodySummary::add(std::string_view data) {
  bytes_ += data.size();
  start_.append(data.substr(0, kept_bytes - start_.size()));
  if (digest_) EVP_DigestUpdate(digest_.get(), data.data(), data.size());
}

const std::string* BodySummary::text() const {
  const auto printable = [](char c) { return (c >= ' ' && c <= '~') || c == '\t' || c == '\r' || c == '\n'; };
  const bool shown = bytes_ <= kept_bytes && std::all_of(start_.begin(), start_.end(), printable);
  return shown ? &start_ : nullptr;
}

std::string BodySummary::sha256() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(digest_.get(), digest.data(), &length);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + length, ""));
}

Task<> read_body(Loop& loop, Stream& stream, const Request& request, std::uint64_t bytes_per_second,
                 BodySummary& summary) {
  using Seconds = std::chrono::duration<double>;
  constexpr std::uint64_t reads_per_second = 20;
  // A slow reader takes little per read, so that what it has not asked for stays in the socket and pushes
  // back.
  const std::size_t room =
      bytes_per_second == 0
          ? 64 * toolkit::KiB
          : std::clamp<std::uint64_t>(bytes_per_second / reads_per_second, 1, 64 * toolkit::KiB);
  toolkit::ChunkedDecoder decoder;
  std::uint64_t remaining = request.length;
  for (;;) {
    std::string_view input = stream.input();
    const std::size_t available = input.size();
    if (request.chunked) {
      for (auto data = decoder.next(input); !data.empty(); data = decoder.next(input))
        summary.add(data);
    } else {
      const auto data = input.substr(0, std::min<std::uint64_t>(remaining, input.size()));
      summary.add(data);
      remaining -= data.size();
      input.remove_prefix(data.size());
    }
    const std::size_t taken = available - input.size();
    stream.consume(taken);
    if (decoder.broken()) throw BadBody{};
    if (request.chunked ? decoder.done() : remaining == 0) break;
    if (bytes_per_second > 0 && taken > 0) {
      const Seconds pause(static_cast<double>(taken) / static_cast<double>(bytes_per_second));
      co_await loop.sleep(std::chrono::duration_cast<Loop::Clock::duration>(pause));
    }
    const bool more = co_await stream.fill(room);
    if (!more) throw PeerGone{};
  }
  summary.trailers = decoder.trailers();
}

}  // namespace sluice::origin
