// All policies, in the order in which a request meets them. A response meets them the other way round.
#include "sluice/policy/catalogue.hpp"

#include "sluice/config/limit_text.hpp"

#include "policy/body_limit/body_limit.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::policy {

std::shared_ptr<const Chain> compile(const Settings& settings) {
  std::vector<std::unique_ptr<const Policy>> all;
  // Refuses by the head alone, so it is cheaper than all that could come behind it.
  if (settings.max_body != 0) all.push_back(std::make_unique<BodyLimit>(settings.max_body));
  return all.empty() ? nullptr : std::make_shared<const Chain>(std::move(all));
}

std::vector<std::string> describe(const Settings& settings) {
  std::vector<std::string> out;
  if (settings.max_body != 0) out.push_back("max.body " + config::describe_size(settings.max_body));
  for (const LimitUse& use : settings.limits)
    out.push_back(use.limit->name + (use.cost != 1 ? fmt::format(" (cost {})", use.cost) : ""));
  return out;
}

}  // namespace sluice::policy
