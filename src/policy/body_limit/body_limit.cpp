#include "policy/body_limit/body_limit.hpp"

#include "sluice/http/reply.hpp"

namespace sluice::policy {

Policy::Verdict BodyLimit::admit(Visit& visit) const {
  http::Exchange& exchange = visit.exchange;
  const http::RequestHead& request = exchange.request;
  if (request.framing != http::Framing::length || request.length <= most_) return Verdict::pass;
  http::make_reply(exchange, http::reason_for(broken(Rule::body_size, Side::downstream)));
  exchange.downstream->close_after();  // a client that goes on sending is not worth reading
  return Verdict::answered;
}

}  // namespace sluice::policy
