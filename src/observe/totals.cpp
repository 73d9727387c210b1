#include "sluice/observe/totals.hpp"

namespace sluice::observe {

Totals::Sum Totals::sum(const std::vector<const Totals*>& workers) {
  Sum out;
  for (std::uint16_t status = 0; status < kStatuses; ++status) {
    std::uint64_t count = 0;
    for (const Totals* worker : workers)
      count += worker->by_status_[status].load(std::memory_order_relaxed);
    if (count != 0) out.requests.push_back({status, count});
  }
  for (const Side side : {Side::downstream, Side::upstream}) {
    for (std::size_t rule = 1; rule < kRules; ++rule) {
      std::uint64_t count = 0;
      for (const Totals* worker : workers)
        count += worker->refused_[side == Side::upstream ? 1 : 0][rule].load(std::memory_order_relaxed);
      if (count != 0 || concerns(static_cast<Rule>(rule), side))
        out.refused.push_back({side, static_cast<Rule>(rule), count});
    }
  }
  for (const Totals* worker : workers) {
    out.bytes_in += worker->bytes_in_.load(std::memory_order_relaxed);
    out.bytes_out += worker->bytes_out_.load(std::memory_order_relaxed);
  }
  return out;
}

}  // namespace sluice::observe
