// The request body on its way up while the response may already be coming down.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/http/upstream.hpp"
#include "sluice/net/loop.hpp"

namespace sluice::handler {

class Upload {
 public:
  Upload(http::Exchange& exchange, http::Upstream& peer, net::Loop& loop)
      : exchange_(exchange), peer_(peer), loop_(loop) {}

  void start() {
    running_ = true;
    run();
  }
  bool running() const { return running_; }
  // After join(): how it went.
  const Error& error() const { return error_; }

  // Nobody wants the rest: stops and waits for the end.
  Task<void> stop() {
    if (running_) {
      exchange_.request_body->stop();
      peer_.cancel(ErrorKind::cancelled);
    }
    co_await Join{*this};
  }

 private:
  struct Join {
    Upload& upload;
    net::Waiter waiter{};
    bool await_ready() const noexcept { return !upload.running_; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      waiter.handle = handle;
      upload.joiner_ = &waiter;
    }
    void await_resume() const noexcept {}
  };

  Detached run() {
    error_ = co_await peer_.upload(exchange_);
    // A client that fails takes its request with it. A server that stops reading may still have an answer.
    if (error_ && error_.side != Side::upstream) peer_.cancel(ErrorKind::cancelled);
    running_ = false;
    if (joiner_ != nullptr) loop_.wake(*joiner_);
  }

  http::Exchange& exchange_;
  http::Upstream& peer_;
  net::Loop& loop_;
  Error error_;
  net::Waiter* joiner_ = nullptr;
  bool running_ = false;
};

}  // namespace sluice::handler
