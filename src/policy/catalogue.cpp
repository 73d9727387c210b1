// All policies, in the order in which a request meets them. A response meets them the other way round.
#include "sluice/policy/catalogue.hpp"

#include "policy/body_limit/body_limit.hpp"

#include <utility>
#include <vector>

namespace sluice::policy {

std::shared_ptr<const Chain> compile(const Settings& settings) {
  std::vector<std::unique_ptr<const Policy>> all;
  // Refuses by the head alone, so it is cheaper than all that could come behind it.
  if (settings.max_body != 0) all.push_back(std::make_unique<BodyLimit>(settings.max_body));
  return all.empty() ? nullptr : std::make_shared<const Chain>(std::move(all));
}

}  // namespace sluice::policy
