// What one worker has of the upstreams: connections kept for reuse, one exchange at a time (HTTP/1.1) or many
// at once (HTTP/2).
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/intrusive_list.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/upstream.hpp"
#include "sluice/net/loop.hpp"
#include "sluice/net/transport.hpp"
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

// Times of a new connection. For one that is shared others may have more patience than who asks for it first.
struct ConnectTime {
  Nanos limit;     // TCP, TLS and settings
  Nanos patience;  // how long who asks waits for that; at most `limit`
  Nanos idle;      // how long it may stay without use
};

// Whether a failure to connect says something about the server: not where it is well and busy, where we ended
// the attempt, or where this machine has run out of something.
bool blames_server(const Error& error);

// The use of a connection for one exchange.
class Channel {
 public:
  Channel(std::shared_ptr<Endpoint> endpoint, bool reused)
      : endpoint_(std::move(endpoint)), reused_(reused) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  virtual http::Upstream& http() = 0;
  Endpoint& endpoint() const { return *endpoint_; }
  const std::shared_ptr<Endpoint>& shared_endpoint() const { return endpoint_; }
  // Whether the connection served other exchanges before.
  bool reused() const { return reused_; }

 protected:
  void set_reused() { reused_ = true; }

 private:
  std::shared_ptr<Endpoint> endpoint_;
  bool reused_;
};

class Exclusive;  // a connection for one exchange at a time
class Shared;     // one for many

// All connections of one worker to all endpoints.
class Connections {
 public:
  explicit Connections(net::Loop& loop) : loop_(loop) {}
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // A connection that is there: an idle one, the one used last first, or one with room for another exchange;
  // or nullptr. `sure`: it was asked just now whether it is still open, for requests that cannot be sent a
  // second time.
  std::unique_ptr<Channel> take(Endpoint& endpoint, bool sure);
  // A new connection, TLS and settings included. On failure `error` is set and the result empty. Who asks
  // while a connection that can be shared is being opened gets a share of that one.
  Task<std::unique_ptr<Channel>> open(std::shared_ptr<Endpoint> endpoint, ConnectTime time, Error& error);
  // After an exchange: keeps the connection for `idle`, or closes it.
  void give_back(std::unique_ptr<Channel> channel, Nanos idle);

  // The endpoint is no longer configured: idle connections close now, those under way are cut after `drain`.
  void retire(const Endpoint& endpoint, Nanos drain);
  // It is configured again, or still, or for the first time: before it is used here.
  void keep(const Endpoint& endpoint);
  // Ends every connection; no exchange is under way any more.
  void close();
  // Connects to it that are under way end with `cancelled`.
  void give_up(const Endpoint& endpoint);

  net::Loop& loop() const { return loop_; }
  std::size_t idle_count() const { return idle_count_; }
  std::size_t slot_count() const { return slots_.size(); }

 private:
  friend class Exclusive;
  friend class Shared;
  static constexpr std::size_t kMostIdlePerEndpoint = 256;

  // One connect under way, listed while it lives.
  struct Connecting {
    Connecting(std::vector<Connecting*>& all_of, std::uint32_t endpoint_of);
    Connecting(const Connecting&) = delete;
    Connecting& operator=(const Connecting&) = delete;
    ~Connecting();
    std::vector<Connecting*>& all;
    std::uint32_t endpoint;
    net::Transport* transport = nullptr;  // once the socket is on its way
    bool given_up = false;
  };

  struct Slot {
    Slot(net::Loop& loop_of, std::uint32_t generation_of);
    ~Slot();
    static void on_retire(void* self);
    net::Loop& loop;
    const std::uint32_t generation;   // of the endpoint
    IntrusiveList<Exclusive> idle;    // owned
    IntrusiveList<Exclusive> active;  // owned by their exchanges
    IntrusiveList<Shared> shared;     // owned by themselves
    std::size_t idle_count = 0;
    std::size_t streams = SIZE_MAX;  // that the server allowed on the last connection, 1 at least
    net::Deadline retire;
    bool retired = false;  // no longer configured
  };

  Slot& slot(const Endpoint& endpoint);
  void drop_idle(Exclusive& connection);
  // A socket on its way to the endpoint; -1 and `cause` when there is none.
  Task<int> start(const Endpoint& endpoint, const Connecting& entry, Nanos deadline, int& cause);
  // TCP and TLS, as the endpoint's wire says.
  Task<std::unique_ptr<net::Transport>> connect(const Endpoint& endpoint, Nanos deadline, Error& error);
  Task<std::unique_ptr<Channel>> open_shared(std::shared_ptr<Endpoint> endpoint, ConnectTime time,
                                             Error& error);

  net::Loop& loop_;
  std::vector<Connecting*> connecting_;
  std::vector<std::unique_ptr<Slot>> slots_;  // by endpoint id
  std::size_t idle_count_ = 0;
};

}  // namespace sluice::upstream
