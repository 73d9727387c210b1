// What one worker has of the upstreams: connections kept for reuse, and which server comes next in each pool.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/intrusive_list.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http1/client.hpp"
#include "sluice/net/loop.hpp"
#include "sluice/upstream/endpoint.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::upstream {

// Time limits of one pool, or of one route to it. All are set.
struct Limits {
  Nanos connect = 0;
  Nanos first_byte = 0;
  Nanos body = 0;  // between two reads or writes of a body
  Nanos idle = 0;  // an unused connection
};

class Connections;

// A connection to an endpoint, either under way for one exchange or kept idle.
class Connection final : public ListLink, private net::TransportObserver {
 public:
  Connection(Connections& owner, std::shared_ptr<Endpoint> endpoint,
             std::unique_ptr<net::Transport> transport);
  ~Connection();

  http1::ClientConnection& http() { return http_; }
  Endpoint& endpoint() { return *endpoint_; }
  bool reused() const { return reused_; }

 private:
  friend class Connections;
  void on_activity(bool hung_up) override;
  static void on_idle_deadline(void* self);

  Connections& owner_;
  std::shared_ptr<Endpoint> endpoint_;
  http1::ClientConnection http_;
  net::Deadline idle_deadline_;
  bool reused_ = false;
};

// All connections of one worker to all endpoints.
class Connections {
 public:
  explicit Connections(net::Loop& loop) : loop_(loop) {}
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // An idle connection, the one used last first, or nullptr. `sure`: it was asked just now whether it is
  // still open, for requests that cannot be sent a second time.
  std::unique_ptr<Connection> take(Endpoint& endpoint, bool sure);
  // A new connection. On failure `error` is set and the result empty.
  Task<std::unique_ptr<Connection>> open(std::shared_ptr<Endpoint> endpoint, Nanos connect_timeout,
                                         Error& error);
  // After an exchange: keeps it for `idle`, or closes it.
  void give_back(std::unique_ptr<Connection> connection, Nanos idle);

  // The endpoint is no longer configured: idle connections close now, those under way are cut after `drain`.
  void retire(const Endpoint& endpoint, Nanos drain);
  // It is configured again, or still.
  void keep(const Endpoint& endpoint);

  net::Loop& loop() const { return loop_; }
  std::size_t idle_count() const { return idle_count_; }

 private:
  friend class Connection;
  static constexpr std::size_t kMostIdlePerEndpoint = 256;

  struct Slot {
    explicit Slot(net::Loop& loop_of) : loop(loop_of), retire(&Slot::on_retire, this) {}
    ~Slot();
    static void on_retire(void* self);
    net::Loop& loop;
    IntrusiveList<Connection> idle;    // owned
    IntrusiveList<Connection> active;  // owned by their exchanges
    std::size_t idle_count = 0;
    net::Deadline retire;
    bool retired = false;  // no longer configured
  };

  Slot& slot(const Endpoint& endpoint);
  void drop_idle(Connection& connection);

  net::Loop& loop_;
  std::vector<std::unique_ptr<Slot>> slots_;  // by endpoint id
  std::size_t idle_count_ = 0;
};

}  // namespace sluice::upstream
