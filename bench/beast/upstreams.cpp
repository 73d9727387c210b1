#include "upstreams.hpp"

namespace beast_proxy {

namespace {

// Idle connections to one server.
constexpr std::size_t kKept = 256;

}  // namespace

void Lease::keep() {
  if (server_->kept.size() < kKept) server_->kept.push_back(std::move(connection));
}

Upstreams::Upstreams(const std::vector<tcp::endpoint>& endpoints) {
  for (const auto& endpoint : endpoints)
    servers_.push_back({endpoint, 0, {}});
}

awaitable<Lease> Upstreams::lease() {
  Server& server = least();
  Lease lease{server};
  if (server.kept.empty()) {
    co_await connect(lease, server.endpoint);
  } else {
    lease.connection = std::move(server.kept.back());
    lease.reused = true;
    server.kept.pop_back();
  }
  co_return lease;
}

awaitable<Lease> Upstreams::lease_fresh() {
  Server& server = least();
  Lease lease{server};
  co_await connect(lease, server.endpoint);
  co_return lease;
}

// Of equals they take turns.
Server& Upstreams::least() {
  const std::size_t count = servers_.size();
  turn_ = (turn_ + 1) % count;
  std::size_t best = turn_;
  for (std::size_t step = 1; step < count; ++step) {
    const std::size_t other = (turn_ + step) % count;
    if (servers_[other].active < servers_[best].active) best = other;
  }
  return servers_[best];
}

awaitable<void> Upstreams::connect(Lease& lease, tcp::endpoint endpoint) {
  auto connection = std::make_unique<Connection>(co_await asio::this_coro::executor);
  connection->stream.expires_after(std::chrono::seconds{3});
  const auto [failed] = co_await connection->stream.async_connect(endpoint, as_result);
  if (failed) co_return;
  error_code ignored;
  connection->stream.socket().set_option(tcp::no_delay{true}, ignored);
  lease.connection = std::move(connection);
}

}  // namespace beast_proxy
