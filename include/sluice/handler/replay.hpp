// A request body that can be sent a second time: what was pulled from it is kept, up to a bound, for a server
// that takes the first attempt's place. The source is pulled by a coroutine of its own, so that an attempt
// can be given up without giving up what the client is still sending.
#pragma once

#include "sluice/http/body.hpp"
#include "sluice/net/loop.hpp"

#include <string>
#include <string_view>

namespace sluice::handler {

class Replay final : public http::BodySource {
 public:
  // Keeps up to `most` bytes; of a longer body nothing, and then nothing can be repeated.
  Replay(net::Loop& loop, http::BodySource& source, std::size_t most)
      : loop_(loop), source_(source), most_(most) {}
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  bool can_rewind() const { return keeping_; }
  void rewind() {
    at_ = 0;
    stopped_ = false;
  }
  // Before it is destroyed: the source is of no more use then unless it was read to its end.
  Task<void> finish();

  http::BodyStep poll(std::string_view& piece) override;
  Task<void> fill() override;
  void release() override { source_.release(); }
  void stop() override;
  Error error() const override;
  const http::Fields& trailers() const override { return source_.trailers(); }

 private:
  struct Wait {
    Replay& replay;
    net::Waiter waiter{};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      waiter.handle = handle;
      replay.waiting_ = &waiter;
    }
    void await_resume() const noexcept {}
  };

  Detached pull();
  void wake();

  net::Loop& loop_;
  http::BodySource& source_;
  const std::size_t most_;
  std::string kept_;
  std::size_t at_ = 0;  // in kept_: what this attempt has had
  net::Waiter* waiting_ = nullptr;
  bool keeping_ = true;
  bool pulling_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::handler
