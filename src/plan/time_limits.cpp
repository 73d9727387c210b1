#include "plan/time_limits.hpp"

namespace sluice::plan {
namespace {

// An application may think between two pieces (event streams do); a client that does is cut sooner.
constexpr config::Duration kUpstreamBody{60'000};

}  // namespace

upstream::Limits upstream_limits(const config::Document& document, const config::Timeouts& pool,
                                 const config::Timeouts& specific) {
  const config::Timeouts& all = document.timeouts;
  upstream::Limits out;
  out.connect = pick({specific.connect, pool.connect, all.connect}, *config::kDefaultTimeouts.connect);
  out.first_byte =
      pick({specific.first_byte, pool.first_byte, all.first_byte}, *config::kDefaultTimeouts.first_byte);
  out.idle = pick({specific.upstream_idle, pool.upstream_idle, all.upstream_idle},
                  *config::kDefaultTimeouts.upstream_idle);
  out.body = pick({specific.body, pool.body, all.body}, kUpstreamBody);
  return out;
}

}  // namespace sluice::plan
