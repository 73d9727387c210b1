// What is kept of a request body: its size, its digest, its beginning and its trailers; never the whole.
#pragma once

#include "origin/loop.hpp"
#include "origin/request.hpp"
#include "origin/stream.hpp"
#include "origin/task.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

namespace sluice::origin {

// The body's framing broke: answered with 400, connection closed.
struct BadBody {};

class BodySummary {
 public:
  static constexpr std::size_t kept_bytes = 4096;

  void want_digest();
  void add(std::string_view data);

  std::uint64_t bytes() const { return bytes_; }
  // The body itself when it is short and printable ASCII; otherwise nothing.
  const std::string* text() const;
  // Lower-case hex; after the last add(), once.
  std::string sha256();

  std::string trailers;  // raw lines

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::uint64_t bytes_ = 0;
  std::string start_;
  std::unique_ptr<EVP_MD_CTX, Free> digest_;
};

// Reads the request's body off the stream, at `bytes_per_second` unless that is 0. Throws BadBody and
// PeerGone.
Task<> read_body(Loop& loop, Stream& stream, const Request& request, std::uint64_t bytes_per_second,
                 BodySummary& summary);

}  // namespace sluice::origin
