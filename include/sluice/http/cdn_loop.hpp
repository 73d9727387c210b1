// CDN-Loop (RFC 8586): every proxy that forwards a request says so in it, and one that finds itself there
// forwards it no further. A request that goes round would do so until a time limit or the last descriptor
// ends it.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/http/exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http {

// One proxy in the list.
struct CdnInfo {
  std::string_view id;
  std::string_view node;  // its parameter "n", if it has one
};

// Takes a field's value apart, each byte once. What has more entries and parameters than any chain of proxies
// writes is malformed.
class CdnLoopParser {
 public:
  enum class Step : std::uint8_t { info, end, malformed };

  explicit CdnLoopParser(std::string_view value) : left_(value) {}
  Step next(CdnInfo& out);

 private:
  bool take_parameter(CdnInfo& out);

  std::string_view left_;
  std::size_t parts_ = 0;  // entries, empty ones too, and parameters
};

// How many proxies of one name a request may have passed. Nobody puts more of them behind one another; they
// are a circle, though each is another process.
inline constexpr std::size_t kMostPasses = 8;

// Why the request is not to be forwarded: its CDN-Loop is malformed, or says that it has been here before.
// Here is this listener of this process, for this host: a request may come back by another listener or for
// another host without going round. An empty `cdn_id` asks for no check.
Error check_loop(const Exchange& exchange, std::string_view cdn_id);

// What tells us from others of our name: our parameter "n" is this in hexadecimal digits.
std::uint64_t loop_node(const Exchange& exchange);

}  // namespace sluice::http
