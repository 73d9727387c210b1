#include "loadgen/fleet.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

namespace sluice::bench {

using Progress = Connection::Progress;

Fleet::Fleet(const TargetOptions& options)
    : tls_(options.url.tls ? toolkit::make_client_context(options.verify, options.ca_file) : nullptr),
      destination_{toolkit::resolve(options.url.host, options.url.port), tls_.get(), options.name_for_tls()},
      requests_(options.shape, options.make_hosts()),
      scratch_(256 * toolkit::KiB) {
  connections_.reserve(options.connections);
  for (std::uint32_t i = 0; i < options.connections; ++i)
    connections_.emplace_back(poller_, destination_, requests_, i);
}

std::uint32_t Fleet::count_open() const {
  return static_cast<std::uint32_t>(std::count_if(connections_.begin(), connections_.end(),
                                                  [](const Connection& c) { return !c.is_closed(); }));
}

std::uint64_t Fleet::bytes_received() const {
  return std::accumulate(connections_.begin(), connections_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Connection& c) { return sum + c.bytes_received(); });
}

Fleet::Swept Fleet::open_all(Nanoseconds timeout) {
  std::vector<std::uint32_t> all(size());
  std::iota(all.begin(), all.end(), 0U);
  auto swept = sweep(all, &Connection::open, timeout);
  if (swept.done > 0) return swept;
  throw std::runtime_error(
      fmt::format("cannot open a connection to {} ({})", destination_.address.text(), swept.last_failure));
}

Fleet::Swept Fleet::request_all(Nanoseconds timeout) {
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < size(); ++i)
    if (connections_[i].ready()) ready.push_back(i);
  return sweep(ready, &Connection::send, timeout);
}

Fleet::Swept Fleet::sweep(const std::vector<std::uint32_t>& indices, Step step, Nanoseconds timeout) {
  constexpr std::size_t at_once = 64;
  struct Running {
    std::uint32_t index;
    Nanoseconds since;
  };
  Swept swept;
  std::vector<Running> running;
  const auto settle = [&](std::uint32_t index, Progress progress) {
    // An answer with an error status is not what was asked for either, but the connection stands.
    const bool good = progress == Progress::opened || progress == Progress::answered;
    ++(good ? swept.done : swept.failed);
    if (progress != Progress::failed) return;
    const auto& connection = connections_[index];
    swept.last_failure = name_of(connection.failure());
    if (!connection.reason().empty()) swept.last_failure += ": " + connection.reason();
  };
  auto next = indices.begin();
  while (next != indices.end() || !running.empty()) {
    for (; next != indices.end() && running.size() < at_once; ++next) {
      const auto progress = (connections_[*next].*step)();
      if (progress == Progress::none)
        running.push_back({*next, now()});
      else
        settle(*next, progress);
    }
    wait(100 * per_millisecond, [&](std::uint32_t index, Progress progress) {
      const auto found =
          std::find_if(running.begin(), running.end(), [&](const Running& r) { return r.index == index; });
      if (found == running.end()) return;  // one that rests; the server closed it
      running.erase(found);
      settle(index, progress);
    });
    const Nanoseconds time = now();
    std::erase_if(running, [&](const Running& r) {
      if (time - r.since < timeout) return false;
      connections_[r.index].abandon(Failure::timeout);
      settle(r.index, Progress::failed);
      return true;
    });
  }
  return swept;
}

}  // namespace sluice::bench
