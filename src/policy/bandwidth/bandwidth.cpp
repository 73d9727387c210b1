#include "policy/bandwidth/bandwidth.hpp"

#include "policy/bandwidth/paced_body.hpp"
#include "policy/limits/counted.hpp"

#include <utility>

namespace sluice::policy {

void Bandwidth::shape(Visit& visit) const {
  http::Exchange& exchange = visit.exchange;
  if (exchange.response_body == nullptr || exchange.response.status == 101) return;
  Pacer pacer(visit.state.ledger);
  for (const LimitUse& use : uses_) {
    const Limit& limit = *use.limit;
    if (!counts(limit, exchange)) continue;
    if (limit.key[0].of == config::KeyPart::Of::response) {
      pacer.add(limit.terms);
    } else {
      limits::KeyMaker maker(limit.name);
      pacer.add(key_of(limit, exchange, maker), limit.terms);
    }
  }
  if (!pacer.empty()) exchange.filter_response<PacedBody>(visit.loop, std::move(pacer));
}

}  // namespace sluice::policy
