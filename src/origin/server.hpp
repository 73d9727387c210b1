// The process: addresses, sessions, and the end of both.
#pragma once

#include "origin/loop.hpp"
#include "origin/options.hpp"
#include "origin/session.hpp"

#include <list>
#include <vector>

namespace sluice::origin {

class Server {
 public:
  // Listens on every address and says so on stdout. Throws std::runtime_error.
  explicit Server(const Options& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Serves until TERM or INT.
  void run();

 private:
  class Listener;
  class Signals final : public Loop::Watched {
   public:
    explicit Signals(const Loop& loop);
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    ~Signals();
    void on_events(std::uint32_t events) override;
    int received() const { return received_; }

   private:
    int fd_;
    int received_ = 0;
  };

  Loop::Clock::time_point close_expired();

  Loop loop_;
  Signals signals_;
  Stats stats_;
  Delay::Random random_;
  toolkit::SslContext tls_;
  Loop::Clock::duration keepalive_timeout_;
  std::list<Listener> listeners_;  // outlive the sessions, which refer to their listener's surroundings
  Sessions idle_;
  Sessions busy_;
  Sessions ended_;
};

}  // namespace sluice::origin
