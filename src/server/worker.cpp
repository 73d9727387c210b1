#include "sluice/server/worker.hpp"

#include "sluice/http1/server.hpp"
#include "sluice/http2/server.hpp"
#include "sluice/observe/log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::server {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kAcceptPause = 100 * kMillisecond;
constexpr Nanos kFlushEvery = 500 * kMillisecond;
// In one turn of the loop, so that open connections, and workers that share the listener, get theirs.
constexpr int kAcceptPerTurn = 32;

}  // namespace

// One listening descriptor of one worker.
class Worker::Acceptor final : public net::Pollable {
 public:
  Acceptor(Worker& worker, std::uint32_t slot, int fd)
      : worker_(worker), slot_(slot), fd_(fd), resume_(&Acceptor::on_resume, this) {
    watch();
  }
  ~Acceptor() override {
    if (watched_) worker_.loop_.remove(*this, fd_);
    ::close(fd_);
  }
  std::uint32_t slot() const { return slot_; }

  // Until the backlog is empty; `most` bounds one turn.
  void accept(int most) {
    for (int i = 0; i < most; ++i) {
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      const int fd =
          ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        worker_.arrive(slot_, fd, SocketAddress(reinterpret_cast<const sockaddr*>(&peer), length));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return;
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return pause();
      }
      // Anything else concerns the one connection, which is gone (accept(2) lists them).
    }
  }

 private:
  void on_events(std::uint32_t /*events*/) override { accept(kAcceptPerTurn); }
  void watch() { watched_ = worker_.loop_.add_listener(*this, fd_) == 0; }

  // Out of descriptors: clients wait in the backlog until some are free again.
  void pause() {
    observe::log_warn("cannot accept on listener {}: {}; trying again",
                      worker_.pipeline_->listener(slot_).name, std::strerror(errno));
    worker_.loop_.remove(*this, fd_);
    watched_ = false;
    resume_.arm(worker_.loop_, worker_.loop_.now() + kAcceptPause);
  }
  static void on_resume(void* self) { static_cast<Acceptor*>(self)->watch(); }

  Worker& worker_;
  std::uint32_t slot_;
  int fd_;
  bool watched_ = false;
  net::Deadline resume_;
};

// A connection between accept and its first request.
class Worker::Arrival final : public ListLink {
 public:
  Arrival(net::Loop& loop, int fd, std::uint32_t slot_of, std::string ip, Admission::Ticket ticket_of)
      : transport(std::make_unique<net::Transport>(loop, fd, false)),
        peer_ip(std::move(ip)),
        slot(slot_of),
        ticket(ticket_of) {}
  std::unique_ptr<net::Transport> transport;
  std::shared_ptr<const tls::ServerContext> tls;  // must live until the handshake is over
  std::string peer_ip;
  std::uint32_t slot;
  Admission::Ticket ticket;
};

// A listener that is gone while connections accepted on it are not.
class Worker::Closing final {
 public:
  Closing(Worker& worker, std::uint32_t slot) : worker_(worker), slot_(slot), end_(&Closing::on_end, this) {
    end_.arm(worker_.loop_, worker_.loop_.now() + worker_.pipeline_->listener(slot).drain);
  }

 private:
  static void on_end(void* self) {
    auto& closing = *static_cast<Closing*>(self);
    Worker& worker = closing.worker_;
    worker.arriving_.for_each([&](Arrival& arrival) {
      if (arrival.slot == closing.slot_) arrival.transport->cancel(ErrorKind::cancelled);
    });
    worker.open_.for_each([&](http::Connection& connection) {
      if (connection.listener() == closing.slot_) connection.abort();
    });
    std::erase_if(worker.closing_, [&](const auto& other) { return other.get() == self; });
  }

  Worker& worker_;
  std::uint32_t slot_;
  net::Deadline end_;
};

Worker::Worker(unsigned index, Admission& admission, proxy::Pipeline::Dispose dispose)
    : admission_(admission), flush_(&Worker::on_flush, this) {
  pipeline_ = std::make_unique<proxy::Pipeline>(
      loop_, [this](http::Connection& connection) { delete &connection; }, std::move(dispose));
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), ("worker-" + std::to_string(index)).c_str());
}

Worker::~Worker() { stop(); }

void Worker::run() {
  loop_.run();
  // What is left belongs to this thread: buffers and frames go back to where they came from.
  acceptors_.clear();
  closing_.clear();
  pipeline_.reset();
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  post([this] {
    pipeline_->close();
    loop_.stop();
  });
  thread_.join();
}

void Worker::listen(std::uint32_t slot, int fd) {
  if (draining_) {
    ::close(fd);
    return;
  }
  acceptors_.push_back(std::make_unique<Acceptor>(*this, slot, fd));
}

void Worker::publish(std::shared_ptr<const proxy::Runtime> runtime) {
  pipeline_->publish(std::move(runtime));
  on_flush(this);
}

void Worker::close_listener(std::uint32_t slot) {
  const auto at =
      std::find_if(acceptors_.begin(), acceptors_.end(), [&](const auto& a) { return a->slot() == slot; });
  if (at == acceptors_.end()) return;
  (*at)->accept(INT32_MAX);
  acceptors_.erase(at);
  open_.for_each([&](http::Connection& connection) {
    if (connection.listener() == slot) connection.drain();
  });
  closing_.push_back(std::make_unique<Closing>(*this, slot));
}

bool Worker::listening(std::uint32_t slot) const {
  return std::any_of(acceptors_.begin(), acceptors_.end(), [&](const auto& a) { return a->slot() == slot; });
}

void Worker::drain() {
  draining_ = true;
  for (const auto& acceptor : acceptors_)
    acceptor->accept(INT32_MAX);
  acceptors_.clear();
  open_.for_each([](http::Connection& connection) { connection.drain(); });
}

void Worker::abort() {
  arriving_.for_each([](Arrival& arrival) { arrival.transport->cancel(ErrorKind::cancelled); });
  open_.for_each([](http::Connection& connection) { connection.abort(); });
}

void Worker::arrive(std::uint32_t slot, int fd, const SocketAddress& peer) {
  std::string ip = peer.ip_text();
  const Admission::Ticket ticket = admission_.admit(ip);
  if (!ticket.admitted) {
    ::close(fd);
    return;
  }
  auto arrival = std::make_unique<Arrival>(loop_, fd, slot, std::move(ip), ticket);
  const plan::Listener& listener = pipeline_->listener(slot);
  if (!listener.tls) return serve(std::move(arrival));
  arrival->tls = pipeline_->runtime().plan->tls();
  SSL* ssl = arrival->tls != nullptr ? arrival->tls->accept({listener.h2, listener.http1}) : nullptr;
  if (ssl == nullptr) {
    admission_.release(ticket, arrival->peer_ip);
    return;
  }
  arrival->transport->start_tls(ssl);
  arriving_.push_back(*arrival);
  shake_hands(std::move(arrival));
}

Detached Worker::shake_hands(std::unique_ptr<Arrival> arrival) {
  const Nanos deadline = loop_.now() + pipeline_->listener(arrival->slot).settings.header;
  const Error error = co_await arrival->transport->handshake(deadline);
  arrival->unlink();
  if (error) {
    admission_.release(arrival->ticket, arrival->peer_ip);
    co_return;
  }
  serve(std::move(arrival));
}

// The connection as the worker keeps it: with its admission.
template <class Codec>
class Worker::Open final : public Codec {
 public:
  Open(Arrival& arrival, Worker& worker)
      : Codec(std::move(arrival.transport), *worker.pipeline_, std::move(arrival.peer_ip), arrival.slot),
        admission_(worker.admission_),
        ticket_(arrival.ticket) {}
  ~Open() override { admission_.release(ticket_, this->peer_ip()); }

 private:
  Admission& admission_;
  Admission::Ticket ticket_;
};

void Worker::serve(std::unique_ptr<Arrival> arrival) {
  const std::uint32_t slot = arrival->slot;
  http::Connection* opened = nullptr;  // owned by itself until it says ended()
  if (arrival->transport->protocol() == "h2" || pipeline_->listener(slot).h2c) {
    opened = new Open<http2::ServerConnection>(*arrival, *this);
  } else {
    opened = new Open<http1::ServerConnection>(*arrival, *this);
  }
  open_.push_back(*opened);
  if (draining_ || !listening(slot)) opened->drain();
  opened->run();
}

void Worker::on_flush(void* self) {
  auto& worker = *static_cast<Worker*>(self);
  worker.pipeline_->access_log().flush();
  if (worker.pipeline_->access_log().on()) worker.flush_.arm(worker.loop_, worker.loop_.now() + kFlushEvery);
}

}  // namespace sluice::server
