// All policies, in the order in which a request meets them. A response meets them the other way round.
#include "sluice/policy/catalogue.hpp"

#include "sluice/config/limit_text.hpp"

#include "policy/bandwidth/bandwidth.hpp"
#include "policy/body_limit/body_limit.hpp"
#include "policy/limits/limits.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::policy {
namespace {

bool paces(const LimitUse& use) { return use.limit->kind == config::LimitKind::bytes; }

}  // namespace

std::shared_ptr<const Chain> compile(const Settings& settings) {
  std::vector<std::unique_ptr<const Policy>> all;
  // The last on the way back, for what counts is what the client is sent.
  std::vector<LimitUse> pacing;
  std::copy_if(settings.limits.begin(), settings.limits.end(), std::back_inserter(pacing), &paces);
  if (!pacing.empty()) all.push_back(std::make_unique<Bandwidth>(std::move(pacing)));
  // Before all that may refuse for other reasons: a request counts whatever becomes of it, or nobody could be
  // kept from asking for what is refused.
  std::vector<LimitUse> counting;
  std::remove_copy_if(settings.limits.begin(), settings.limits.end(), std::back_inserter(counting), &paces);
  if (!counting.empty()) all.push_back(std::make_unique<Limits>(std::move(counting)));
  // Refuses by the head alone, so it is cheaper than all that could come behind it.
  if (settings.max_body) all.push_back(std::make_unique<BodyLimit>(*settings.max_body));
  return all.empty() ? nullptr : std::make_shared<const Chain>(std::move(all));
}

std::vector<std::string> describe(const Settings& settings) {
  std::vector<std::string> out;
  const auto add = [&](bool pacing) {
    for (const LimitUse& use : settings.limits) {
      if (paces(use) == pacing)
        out.push_back(use.limit->name + (use.cost != 1 ? fmt::format(" (cost {})", use.cost) : ""));
    }
  };
  add(false);
  if (settings.max_body) out.push_back("max.body " + config::describe_size(*settings.max_body));
  add(true);
  return out;
}

}  // namespace sluice::policy
