#include "cli/resolve.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <set>
#include <string>
#include <thread>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

constexpr std::size_t kMostNames = 32;
constexpr std::chrono::seconds kPatience{1};

// Outlives who waits for it: a look-up cannot be called back.
struct Answers {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, int> results;  // getaddrinfo's
};

void look_up(const std::shared_ptr<Answers>& answers, const std::string& name) {
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(name.c_str(), nullptr, nullptr, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  const std::lock_guard lock(answers->mutex);
  answers->results[name] = result;
  answers->changed.notify_one();
}

// Of a name that does not exist, not of a resolver that does not.
bool unknown(int result) { return result == EAI_NONAME || result == EAI_NODATA; }

std::set<std::string> unknown_of(const std::set<std::string>& names) {
  const auto answers = std::make_shared<Answers>();
  for (const std::string& name : names)
    std::thread([answers, name] { look_up(answers, name); }).detach();
  std::unique_lock lock(answers->mutex);
  answers->changed.wait_for(lock, kPatience, [&] { return answers->results.size() == names.size(); });
  std::set<std::string> out;
  for (const auto& [name, result] : answers->results) {
    if (unknown(result)) out.insert(name);
  }
  return out;
}

}  // namespace

void check_names(const plan::Plan& plan, config::Diagnostics& diagnostics) {
  if (!plan.document().resolver.servers.empty()) return;
  std::set<std::string> names;
  for (const plan::Pool& pool : plan.pools()) {
    for (const plan::Server& server : pool.servers) {
      if (!server.host.empty() && names.size() < kMostNames) names.insert(server.host);
    }
  }
  const std::set<std::string> unknown = unknown_of(names);
  for (const plan::Pool& pool : plan.pools()) {
    for (std::size_t i = 0; i < pool.servers.size(); ++i) {
      const plan::Server& server = pool.servers[i];
      if (!unknown.contains(server.host)) continue;
      diagnostics.warn(server.at, fmt::format("pools.{}.servers[{}]", pool.name, i),
                       fmt::format("nobody knows the name {}", server.host));
    }
  }
}

}  // namespace sluice::cli
