#include "sluice/server/worker.hpp"

#include "sluice/http1/server.hpp"
#include "sluice/http2/server.hpp"
#include "sluice/observe/recurring.hpp"

#include "server/acceptor.hpp"

#include <algorithm>
#include <pthread.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace sluice::server {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kFlushEvery = 500 * kMillisecond;

}  // namespace

// A connection between accept and its first request. Unless it becomes one that is served, all it has is
// given back with it.
class Worker::Arrival final : public ListLink {
 public:
  Arrival(Worker& worker, int fd, std::uint32_t slot_of, std::string ip)
      : peer_ip(std::move(ip)),
        slot(slot_of),
        admission_(worker.admission_),
        ticket_(admission_.admit(peer_ip)) {
    if (ticket_.admitted) {
      transport = std::make_unique<net::Transport>(worker.loop_, fd, false);
    } else {
      ::close(fd);
    }
  }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;
  ~Arrival() {
    if (ticket_.admitted) admission_.release(ticket_, peer_ip);
  }
  const Admission::Ticket& ticket() const { return ticket_; }
  // The admission is the caller's from now on.
  Admission::Ticket take_ticket() { return std::exchange(ticket_, {}); }

  std::unique_ptr<net::Transport> transport;
  std::shared_ptr<const tls::ServerContext> tls;  // must live until the handshake is over
  std::shared_ptr<const tls::Identity> shown;     // what the client verified; empty without TLS
  std::string clear_text;                         // what came instead of TLS; empty: it did not
  std::string peer_ip;
  std::uint32_t slot;

 private:
  Admission& admission_;
  Admission::Ticket ticket_;
};

// A listener that is gone while connections accepted on it are not.
class Worker::Closing final {
 public:
  Closing(Worker& worker, std::uint32_t slot) : worker_(worker), slot_(slot), end_(&Closing::on_end, this) {
    end_.arm(worker_.loop_, worker_.loop_.now() + worker_.pipeline_->listener(slot).drain);
  }
  std::uint32_t slot() const { return slot_; }

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

Worker::Worker(unsigned index, Admission& admission, limits::State& limits, proxy::Pipeline::Dispose dispose)
    : admission_(admission), flush_(&Worker::on_flush, this) {
  pipeline_ = std::make_unique<proxy::Pipeline>(
      loop_, totals_, limits, [this](http::Connection& connection) { delete &connection; },
      std::move(dispose));
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
  if (!listening(slot)) return;
  for (const auto& acceptor : acceptors_) {
    if (acceptor->slot() == slot) acceptor->accept_rest();
  }
  std::erase_if(acceptors_, [&](const auto& acceptor) { return acceptor->slot() == slot; });
  open_.for_each([&](http::Connection& connection) {
    if (connection.listener() == slot) connection.drain();
  });
  closing_.push_back(std::make_unique<Closing>(*this, slot));
}

bool Worker::uses(std::uint32_t slot) {
  bool found = listening(slot) || std::any_of(closing_.begin(), closing_.end(),
                                              [&](const auto& closing) { return closing->slot() == slot; });
  arriving_.for_each([&](Arrival& arrival) { found = found || arrival.slot == slot; });
  open_.for_each([&](http::Connection& connection) { found = found || connection.listener() == slot; });
  return found;
}

bool Worker::listening(std::uint32_t slot) const {
  return std::any_of(acceptors_.begin(), acceptors_.end(), [&](const auto& a) { return a->slot() == slot; });
}

void Worker::drain() {
  draining_ = true;
  for (const auto& acceptor : acceptors_)
    acceptor->accept_rest();
  acceptors_.clear();
  open_.for_each([](http::Connection& connection) { connection.drain(); });
}

void Worker::abort() {
  arriving_.for_each([](Arrival& arrival) { arrival.transport->cancel(ErrorKind::cancelled); });
  open_.for_each([](http::Connection& connection) { connection.abort(); });
}

// From accept to the first request, one step after the other; any of them may be the last.
Detached Worker::arrive(std::uint32_t slot, int fd, SocketAddress peer) {
  Arrival arrival(*this, fd, slot, peer.ip_text());
  if (!arrival.ticket().admitted) co_return turn_away(arrival, arrival.ticket().beyond);
  const bool tls = pipeline_->listener(slot).tls;
  if (tls && !admission_.may_shake_hands(arrival.peer_ip, loop_.now()))
    co_return turn_away(arrival, observe::Turnaway::handshakes_per_ip);
  arriving_.push_back(arrival);
  if (tls && !co_await secure(arrival)) co_return;
  arrival.unlink();
  serve(arrival);
}

// A few lines are enough to see whom it concerns; the counters have the rest.
void Worker::turn_away(const Arrival& arrival, observe::Turnaway beyond) {
  static observe::Recurring crowds;  // on all workers
  observe::count(beyond);
  crowds.tell(observe::LogLevel::warn, loop_.now(), "connection from {} on listener {} closed: beyond max.{}",
              arrival.peer_ip, pipeline_->listener(arrival.slot).name, observe::to_string(beyond));
}

// TLS. False: the client and we did not come to terms. What is clear text and can be HTTP goes on, to be
// refused in words.
Task<bool> Worker::secure(Arrival& arrival) {
  const plan::Listener& listener = pipeline_->listener(arrival.slot);
  arrival.tls = pipeline_->runtime().plan->tls();
  SSL* ssl = arrival.tls != nullptr ? arrival.tls->accept({listener.h2, listener.http1}) : nullptr;
  if (ssl == nullptr) co_return false;
  arrival.transport->start_tls(ssl);
  const Nanos deadline = loop_.now() + listener.settings.header;
  const Error error = co_await arrival.transport->handshake(deadline, &arrival.clear_text);
  if (!arrival.clear_text.empty()) {
    std::uint8_t passed = 0;
    const std::string_view said = arrival.clear_text;
    co_return http1::check_request_start(said.substr(http1::empty_lines(said, passed))) == Rule::none;
  }
  if (error) co_return false;
  arrival.shown = arrival.tls->shown(arrival.transport->ssl());
  co_return true;
}

// The connection as the worker keeps it: with its admission, and the certificate that was shown on it.
template <class Codec>
class Worker::Open final : public Codec {
 public:
  Open(Arrival& arrival, Worker& worker)
      : Codec(std::move(arrival.transport), *worker.pipeline_, arrival.peer_ip, arrival.slot),
        worker_(worker),
        shown_(std::move(arrival.shown)),
        ticket_(arrival.take_ticket()) {}
  ~Open() override { worker_.admission_.release(ticket_, this->peer_ip()); }

 private:
  http::Holder look_up(std::string_view host) const override {
    if (shown_ == nullptr || shown_->covers(host)) return http::Holder::shown;
    const auto& tls = worker_.pipeline_->runtime().plan->tls();
    return tls != nullptr && tls->certificates().covers(host) ? http::Holder::another : http::Holder::nobody;
  }

  Worker& worker_;
  std::shared_ptr<const tls::Identity> shown_;
  Admission::Ticket ticket_;
};

void Worker::serve(Arrival& arrival) {
  http::Connection* opened = nullptr;  // owned by itself until it says ended()
  if (!arrival.clear_text.empty()) {
    auto* const refusing = new Open<http1::ServerConnection>(arrival, *this);
    refusing->take_clear_text(arrival.clear_text);
    opened = refusing;
  } else if (arrival.transport->protocol() == "h2" || pipeline_->listener(arrival.slot).h2c) {
    opened = new Open<http2::ServerConnection>(arrival, *this);
  } else {
    opened = new Open<http1::ServerConnection>(arrival, *this);
  }
  open_.push_back(*opened);
  if (draining_ || !listening(arrival.slot)) opened->drain();
  opened->run();
}

void Worker::on_flush(void* self) {
  auto& worker = *static_cast<Worker*>(self);
  worker.pipeline_->access_log().flush();
  if (worker.pipeline_->access_log().on()) worker.flush_.arm(worker.loop_, worker.loop_.now() + kFlushEvery);
}

}  // namespace sluice::server
