// The servers, their kept connections, and which is next.
#pragma once

#include "types.hpp"

#include <memory>
#include <utility>
#include <vector>

namespace beast_proxy {

// One connection to a server, with what an exchange on it needs.
struct Connection {
  explicit Connection(const asio::any_io_executor& executor) : stream(executor) { buffer.reserve(kPiece); }

  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  std::array<char, kPiece> piece;
};

struct Server {
  tcp::endpoint endpoint;
  std::size_t active = 0;
  std::vector<std::unique_ptr<Connection>> kept;
};

// A connection for one exchange. It counts as one at its server; unless it is kept, it closes at the end.
class Lease {
 public:
  explicit Lease(Server& server) : server_(&server) { ++server.active; }
  Lease(Lease&& other) noexcept
      : connection(std::move(other.connection)),
        reused(other.reused),
        server_(std::exchange(other.server_, nullptr)) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (server_) --server_->active;
  }

  void keep();

  std::unique_ptr<Connection> connection;  // none: the server could not be reached
  bool reused = false;

 private:
  Server* server_;
};

class Upstreams {
 public:
  explicit Upstreams(const std::vector<tcp::endpoint>& endpoints);

  // A kept connection to the server with the fewest exchanges, or a fresh one.
  awaitable<Lease> lease();
  // Surely a fresh one: what was kept may be dead.
  awaitable<Lease> lease_fresh();

 private:
  Server& least();
  awaitable<void> connect(Lease& lease, tcp::endpoint endpoint);

  std::vector<Server> servers_;
  std::size_t turn_ = 0;
};

}  // namespace beast_proxy
