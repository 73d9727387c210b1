#include "sluice/server/server.hpp"

#include <algorithm>
#include <latch>
#include <unistd.h>

namespace sluice::server {

Server::Server(unsigned workers, std::vector<int> inherited, proxy::Pipeline::Dispose dispose)
    : inherited_(std::move(inherited)) {
  for (unsigned i = 0; i < workers; ++i)
    workers_.push_back(std::make_unique<Worker>(i, admission_, dispose));
}

Server::~Server() {
  stop();
  for (const int fd : inherited_)
    ::close(fd);
}

std::string Server::key_of(const plan::Listener& listener) {
  // Port 0 asks for any port: then only the name can tell two listeners apart.
  const bool any_port = !listener.address.is_unix() && listener.address.port() == 0;
  return any_port ? listener.address.text() + ' ' + listener.name : listener.address.text();
}

bool Server::bind(const plan::Listener& listener, ListeningSockets& out, config::Diagnostics& diagnostics) {
  const auto same = [&](int fd) { return SocketAddress::local_of(fd) == listener.address; };
  if (const auto fd = std::find_if(inherited_.begin(), inherited_.end(), same); fd != inherited_.end()) {
    out.adopt(*fd, workers());
    inherited_.erase(fd);
    return true;
  }
  const std::string error = out.bind(listener.address, workers());
  if (error.empty()) return true;
  diagnostics.add(listener.at, "listeners." + listener.name, error);
  return false;
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
std::uint16_t Server::port_of_tls(const plan::Plan& plan, const std::map<std::string, Listener>& bound) {
  for (const plan::Listener& listener : plan.listeners()) {
    if (listener.tls) return bound.at(key_of(listener)).address.port();
  }
  return 443;
}

bool Server::publish(std::shared_ptr<const proxy::Runtime> runtime, config::Diagnostics& diagnostics) {
  std::map<std::string, ListeningSockets> fresh;
  std::map<std::string, Listener> next;
  for (const plan::Listener& listener : runtime->plan->listeners()) {
    const std::string key = key_of(listener);
    if (const auto known = listeners_.find(key); known != listeners_.end()) {
      next[key] = {known->second.slot, listener.name, known->second.address};
      continue;
    }
    ListeningSockets sockets;
    if (!bind(listener, sockets, diagnostics)) continue;
    next[key] = {next_slot_++, listener.name, sockets.address()};
    fresh.emplace(key, std::move(sockets));
  }
  if (!diagnostics.empty()) return false;

  const config::Max& max = runtime->plan->document().max;
  admission_.set_limits(max.connections, max.connections_per_ip);
  const std::uint16_t https_port = port_of_tls(*runtime->plan, next);
  on_all_workers([&](Worker& worker, unsigned index) {
    worker.pipeline().set_https_port(https_port);
    for (const plan::Listener& listener : runtime->plan->listeners()) {
      worker.pipeline().set_listener(next.at(key_of(listener)).slot, listener);
    }
    worker.publish(runtime);
    for (auto& [key, sockets] : fresh)
      worker.listen(next.at(key).slot, sockets.release(index));
    for (const auto& [key, listener] : listeners_) {
      if (next.find(key) == next.end()) worker.close_listener(listener.slot);
    }
  });
  listeners_ = std::move(next);
  return true;
}

std::vector<BoundAddress> Server::addresses() const {
  std::vector<BoundAddress> out;
  for (const auto& [key, listener] : listeners_)
    out.push_back({listener.name, listener.address});
  return out;
}

void Server::drain() {
  on_all_workers([](Worker& worker, unsigned /*index*/) { worker.drain(); });
}

void Server::abort() {
  on_all_workers([](Worker& worker, unsigned /*index*/) { worker.abort(); });
}

void Server::stop() {
  offload_.stop();  // while there are loops on which those who wait can go on
  for (auto& worker : workers_)
    worker->stop();
}

}  // namespace sluice::server
