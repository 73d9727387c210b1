#include "server/acceptor.hpp"

#include "sluice/observe/recurring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace sluice::server {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kFirstPause = 100 * kMillisecond;
constexpr Nanos kLongestPause = 1600 * kMillisecond;
// In one turn of the loop, so that open connections, and workers that share the listener, get theirs.
constexpr int kPerTurn = 32;
constexpr int kLongestBacklog = 65536;
// A listener that yields nothing but errors is not asked for ever.
constexpr int kMostErrors = 32;

// Of all listeners on all workers: they run out of descriptors together.
observe::Recurring trouble;

}  // namespace

bool concerns_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:  // a rule of the firewall
    // Linux passes on what was wrong with the connection before it was accepted.
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT: return true;
    default: return false;
  }
}

Worker::Acceptor::Acceptor(Worker& worker, std::uint32_t slot, int fd)
    : worker_(worker), slot_(slot), fd_(fd), pause_(kFirstPause), resume_(&Acceptor::on_resume, this) {
  watch();
}

Worker::Acceptor::~Acceptor() {
  if (watched_) worker_.loop_.remove(*this, fd_);
  ::close(fd_);
}

void Worker::Acceptor::on_events(std::uint32_t /*events*/) {
  if (const int error = accept(kPerTurn); error != 0) pause(error);
}

void Worker::Acceptor::accept_rest() { accept(kLongestBacklog); }

int Worker::Acceptor::accept(int most) {
  int errors = 0;
  for (int i = 0; i < most; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      errors = 0;
      went_well();
      worker_.arrive(slot_, fd, SocketAddress(reinterpret_cast<const sockaddr*>(&peer), length));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return 0;
    } else if (!concerns_connection(errno) || ++errors == kMostErrors) {
      return errno;
    }
  }
  return 0;
}

void Worker::Acceptor::watch() {
  const int error = worker_.loop_.add_listener(*this, fd_);
  watched_ = error == 0;
  if (error != 0) pause(error);
}

// Clients wait in the backlog meanwhile.
void Worker::Acceptor::pause(int error) {
  troubled_ = true;
  trouble.tell(observe::LogLevel::warn, worker_.loop_.now(), "cannot accept on listener {}: {}; trying again",
               worker_.pipeline_->listener(slot_).name, std::strerror(error));
  if (watched_) worker_.loop_.remove(*this, fd_);
  watched_ = false;
  resume_.arm(worker_.loop_, worker_.loop_.now() + pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
}

void Worker::Acceptor::went_well() {
  pause_ = kFirstPause;
  if (!std::exchange(troubled_, false)) return;
  trouble.over("accepting on listener {} again", worker_.pipeline_->listener(slot_).name);
}

void Worker::Acceptor::on_resume(void* self) { static_cast<Acceptor*>(self)->watch(); }

}  // namespace sluice::server
