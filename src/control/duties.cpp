#include "control/duties.hpp"

#include "sluice/config/load.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace sluice::control {
namespace {

constexpr std::size_t kMostNamed = 10;

// The likeliest, then all of them as far as a line may hold.
std::string hint_of(const std::string& word, const std::vector<std::string>& known, std::string_view what) {
  std::string out;
  const std::string_view likely = config::nearest(word, {known.begin(), known.end()});
  if (!likely.empty()) out = fmt::format("did you mean \"{}\"? ", likely);
  if (known.empty()) return out + fmt::format("there are no {}", what);
  const auto end = known.begin() + static_cast<std::ptrdiff_t>(std::min(known.size(), kMostNamed));
  out += fmt::format("the {} are {}", what, fmt::join(known.begin(), end, ", "));
  if (known.size() > kMostNamed) out += fmt::format(" and {} more", known.size() - kMostNamed);
  return out;
}

bool is_called(const upstream::Endpoint& endpoint, const std::string& word) {
  if (endpoint.name() == word) return true;
  return !endpoint.host().empty() && fmt::format("{}:{}", endpoint.host(), endpoint.address().port()) == word;
}

}  // namespace

std::vector<std::string> find_servers(const proxy::Runtime& runtime, const std::string& pool,
                                      const std::string& server, DutyOutcome& outcome) {
  std::vector<std::string> pools;
  std::vector<std::string> names;
  std::vector<std::string> out;
  for (const auto& group : runtime.groups) {
    pools.push_back(group->state()->name());
    if (pools.back() != pool) continue;
    for (const upstream::Member& member : group->members()) {
      names.push_back(member.endpoint->name());
      if (is_called(*member.endpoint, server)) out.push_back(names.back());
    }
  }
  if (!out.empty()) return out;
  if (std::find(pools.begin(), pools.end(), pool) == pools.end()) {
    outcome.error = fmt::format("there is no pool \"{}\"", pool);
    outcome.hint = hint_of(pool, pools, "pools");
  } else {
    outcome.error = fmt::format("pool {} has no server {}", pool, server);
    outcome.hint = hint_of(server, names, "servers");
  }
  return out;
}

}  // namespace sluice::control
