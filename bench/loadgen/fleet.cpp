#include "loadgen/fleet.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>

namespace sluice::bench {

Fleet::Fleet(const TargetOptions& options, const Catalogue& catalogue, Share share)
    : tls_(options),
      scratch_(256 * toolkit::KiB),
      around_{poller_,
              options,
              catalogue,
              toolkit::resolve(options.url.host, options.url.port),
              options.url.tls ? &tls_ : nullptr,
              scratch_,
              nullptr},
      flushes_(options.http2) {
  for (std::uint32_t number = share.first; number < options.connections; number += share.step)
    connections_.emplace_back(around_, size(), number);
}

std::uint32_t Fleet::count_open() const {
  return static_cast<std::uint32_t>(std::count_if(connections_.begin(), connections_.end(),
                                                  [](const Connection& c) { return c.is_open(); }));
}

void Fleet::flush() {
  for (const auto index : unflushed_)
    connections_[index].flush();
  unflushed_.clear();
}

void Fleet::resume_due() {
  if (resumes_.empty()) return;
  const Nanoseconds time = now();
  while (!resumes_.empty() && resumes_.top().first <= time) {
    const auto [at, index] = resumes_.top();
    resumes_.pop();
    if (connections_[index].resume_at() != at) continue;  // closed meanwhile
    connections_[index].resume();
    note_pause(index);
  }
}

Nanoseconds Fleet::until_resume(Nanoseconds limit) const {
  if (resumes_.empty()) return limit;
  const Nanoseconds at = resumes_.top().first;
  const Nanoseconds time = now();
  return at > time ? std::min(limit, at - time) : 0;
}

}  // namespace sluice::bench
