#include "sluice/server/server.hpp"

#include "sluice/http2/window_budget.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <latch>

namespace sluice::server {

Server::Server(unsigned workers, limits::State& limits, InheritedSockets inherited,
               const proxy::Pipeline::Dispose& dispose)
    : admission_(limits.ledger), inherited_(std::move(inherited)) {
  for (unsigned i = 0; i < workers; ++i)
    workers_.push_back(std::make_unique<Worker>(i, admission_, limits, dispose));
}

Server::~Server() { stop(); }

std::string Server::key_of(const plan::Listener& listener) {
  // Port 0 asks for any port: then only the name can tell two listeners apart.
  const bool any_port = !listener.address.is_unix() && listener.address.port() == 0;
  return any_port ? listener.address.text() + ' ' + listener.name : listener.address.text();
}

void Server::bind(const plan::Listener& listener, ListeningSockets& out, config::Diagnostics& diagnostics) {
  std::string error;
  std::unique_lock lock(inherited_mutex_);
  if (const std::vector<int> inherited = inherited_.at(listener.address); !inherited.empty()) {
    error = out.adopt(inherited, workers());
  } else {
    lock.unlock();
    error = out.bind(listener.address, workers());
  }
  if (!error.empty()) diagnostics.add(listener.at, "listeners." + listener.name, error);
}

// Runs work(worker, index) on every worker's thread; returns when all have.
template <class F>
void Server::on_all_workers(F work) {
  // Shared: the last worker may still be inside count_down() when wait() returns.
  const auto done = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(workers_.size()));
  for (unsigned i = 0; i < workers_.size(); ++i) {
    workers_[i]->post([this, &work, done, i] {
      work(*workers_[i], i);
      done->count_down();
    });
  }
  done->wait();
}

// The port of the first listener under TLS, as bound.
std::uint16_t Server::port_of_tls(const plan::Plan& plan, const Listeners& bound) {
  for (const plan::Listener& listener : plan.listeners()) {
    if (listener.tls) return bound.at(key_of(listener)).address.port();
  }
  return 443;
}

bool Server::publish(const std::shared_ptr<const proxy::Runtime>& runtime, config::Diagnostics& diagnostics) {
  std::map<std::string, ListeningSockets> fresh;
  Listeners next;
  for (const plan::Listener& listener : runtime->plan->listeners()) {
    const std::string key = key_of(listener);
    if (const auto known = listeners_.find(key); known != listeners_.end()) {
      next[key] = {known->second.slot, listener.name, known->second.address, {}};
      continue;
    }
    ListeningSockets sockets;
    bind(listener, sockets, diagnostics);
    next[key] = {0, listener.name, sockets.address(), sockets.take_file()};
    fresh.emplace(key, std::move(sockets));
  }
  if (diagnostics.failed()) return false;

  if (!fresh.empty()) sweep_slots();
  for (const auto& [key, sockets] : fresh)
    next.at(key).slot = take_slot();
  admission_.set_limits(runtime->plan->connections(), steady_now());
  http2::window_budget().set_total(static_cast<std::int64_t>(runtime->plan->http2_windows()));
  switch_over(runtime, next, fresh);
  for (auto& [key, listener] : listeners_) {
    if (const auto kept = next.find(key); kept != next.end()) {
      kept->second.file = std::move(listener.file);
    } else {
      retired_slots_.push_back(listener.slot);
    }
  }
  listeners_ = std::move(next);
  return true;
}

void Server::switch_over(const std::shared_ptr<const proxy::Runtime>& runtime, const Listeners& next,
                         std::map<std::string, ListeningSockets>& fresh) {
  const std::uint16_t https_port = port_of_tls(*runtime->plan, next);
  on_all_workers([&](Worker& worker, unsigned index) {
    worker.pipeline().set_https_port(https_port);
    for (const plan::Listener& listener : runtime->plan->listeners()) {
      worker.pipeline().set_listener(next.at(key_of(listener)).slot, listener);
    }
    worker.publish(runtime);
    for (auto& [key, sockets] : fresh) {
      for (const int fd : sockets.release(index))
        worker.listen(next.at(key).slot, fd);
    }
    for (const auto& [key, listener] : listeners_) {
      if (next.find(key) == next.end()) worker.close_listener(listener.slot);
    }
  });
}

// Finds the slots that nothing on any worker names any more, so that listeners which come and go do not add
// up.
void Server::sweep_slots() {
  if (retired_slots_.empty()) return;
  std::mutex mutex;
  std::vector<std::uint32_t> used;
  on_all_workers([&](Worker& worker, unsigned /*index*/) {
    for (const std::uint32_t slot : retired_slots_) {
      if (!worker.uses(slot)) continue;
      const std::lock_guard lock(mutex);
      used.push_back(slot);
    }
  });
  const auto in_use = [&](std::uint32_t slot) {
    return std::find(used.begin(), used.end(), slot) != used.end();
  };
  std::remove_copy_if(retired_slots_.begin(), retired_slots_.end(), std::back_inserter(free_slots_), in_use);
  std::erase_if(retired_slots_, std::not_fn(in_use));
}

std::uint32_t Server::take_slot() {
  if (free_slots_.empty()) return next_slot_++;
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

std::vector<BoundAddress> Server::addresses() const {
  std::vector<BoundAddress> out;
  for (const auto& [key, listener] : listeners_)
    out.push_back({listener.name, listener.address});
  return out;
}

std::vector<SocketAddress> Server::unclaimed() const {
  std::vector<SocketAddress> out = inherited_.addresses();
  std::erase_if(out, [&](const SocketAddress& address) {
    return std::any_of(listeners_.begin(), listeners_.end(),
                       [&](const auto& item) { return item.second.address == address; });
  });
  return out;
}

observe::Totals::Sum Server::totals() const {
  std::vector<const observe::Totals*> all;
  for (const auto& worker : workers_)
    all.push_back(&worker->totals());
  return observe::Totals::sum(all);
}

void Server::drain() {
  {
    const std::lock_guard lock(inherited_mutex_);
    inherited_.give_up();
  }
  on_all_workers([](Worker& worker, unsigned /*index*/) { worker.drain(); });
}

void Server::abort() {
  on_all_workers([](Worker& worker, unsigned /*index*/) { worker.abort(); });
}

void Server::stop() {
  offload_.stop();  // while there are loops on which those who wait can go on
  for (auto& worker : workers_)
    worker->stop();
  listeners_.clear();
}

}  // namespace sluice::server
