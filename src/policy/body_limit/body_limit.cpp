#include "policy/body_limit/body_limit.hpp"

namespace sluice::policy {

Policy::Verdict BodyLimit::admit(Visit& visit) const {
  visit.exchange.max_body = most_;
  return Verdict::pass;
}

}  // namespace sluice::policy
