#include "origin/server.hpp"

#include "origin/toolkit/socket.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <signal.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

namespace sluice::origin {

using namespace std::chrono_literals;

// Accepts connections on one address.
class Server::Listener final : public Loop::Watched {
 public:
  Listener(Server& server, const Options& options, const std::string& text)
      : fd_(-1), around_(make_surroundings(server, options, text)) {
    server.loop_.watch_readable(fd_, *this);
    fmt::print("listening on {}\n", around_.identity.address.text());
    (void)std::fflush(stdout);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  void close() {
    if (fd_ < 0) return;
    ::close(std::exchange(fd_, -1));
    const auto text = around_.identity.address.text();
    if (around_.identity.address.is_unix()) ::unlink(text.c_str() + std::strlen("unix:"));
  }

  void on_events(std::uint32_t /*events*/) override {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno != EAGAIN) fmt::print(stderr, "sluice-origin: accept: {}\n", std::strerror(errno));
        return;
      }
      around_.busy.emplace_back(around_, fd);
      const auto session = std::prev(around_.busy.end());
      session->start(session);
    }
  }

 private:
  // Listens, for only then the identity can name the port.
  Surroundings make_surroundings(Server& server, const Options& options, const std::string& text) {
    toolkit::Address address = toolkit::parse_address(text);
    fd_ = toolkit::listen_on(address);
    Identity identity{options.name, options.pool, options.color, address};
    CannedReply canned(identity, options.body_size);
    return {server.loop_,      server.stats_,     server.random_, server.tls_.get(), std::move(identity),
            std::move(canned), options.body_size, server.idle_,   server.busy_,      server.ended_};
  }

  int fd_;
  Surroundings around_;
};

Server::Signals::Signals(const Loop& loop) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  fd_ = ::signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  loop.watch_readable(fd_, *this);
}

Server::Signals::~Signals() { ::close(fd_); }

void Server::Signals::on_events(std::uint32_t /*events*/) {
  signalfd_siginfo info{};
  while (::read(fd_, &info, sizeof info) == sizeof info)
    ++received_;
}

Server::Server(const Options& options)
    : signals_(loop_),
      random_(options.seed),
      tls_(options.certificate.empty() ? nullptr
                                       : toolkit::make_server_context(options.certificate, options.key)),
      keepalive_timeout_(options.keepalive_timeout) {
  for (const auto& text : options.listen)
    listeners_.emplace_back(*this, options, text);
}

Server::~Server() = default;

// Ends the sessions that have waited too long for a request; returns when the next one will have.
Loop::Clock::time_point Server::close_expired() {
  while (!idle_.empty()) {
    const auto expires = idle_.front().idle_since() + keepalive_timeout_;
    if (expires > loop_.now()) return expires;
    idle_.pop_front();
    --stats_.open;
  }
  return Loop::Clock::time_point::max();
}

void Server::run() {
  while (signals_.received() == 0) {
    loop_.run_once(close_expired());
    ended_.clear();
  }
  for (auto& listener : listeners_)
    listener.close();
  idle_.clear();
  // What is in flight gets a moment; a second signal means now.
  const auto latest = Loop::Clock::now() + 2s;
  while (!busy_.empty() && signals_.received() == 1 && Loop::Clock::now() < latest) {
    loop_.run_once(latest);
    ended_.clear();
    idle_.clear();
  }
}

}  // namespace sluice::origin
