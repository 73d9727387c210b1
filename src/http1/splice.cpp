#include "http1/splice.hpp"

#include "sluice/base/pipe.hpp"

#include <utility>

namespace sluice::http1 {
namespace {

using http::BodyStep;

// Below this a copy through the read buffer needs fewer system calls.
constexpr std::uint64_t kWorth = 64 * 1024;
// Bytes moved before others get their turn.
constexpr std::uint64_t kTurn = 1024 * 1024;

Task<Error> write_all(net::Transport& to, Pipe& pipe, Nanos stall) {
  for (;;) {
    const net::IoResult done = to.write_from(pipe);
    if (done.status == net::IoStatus::ok) co_return Error{};
    if (done.status == net::IoStatus::error) co_return Error{.kind = ErrorKind::reset, .cause = done.cause};
    const ErrorKind waited = co_await to.writable(to.loop().now() + stall);
    if (waited != ErrorKind::none) co_return Error{waited, Side::internal};
  }
}

// Until nothing is here any more, and `step` tells why.
Task<Error> move_what_is_here(http::BodySource& body, net::Transport& to, Pipe pipe, Nanos stall,
                              std::uint64_t& moved, BodyStep& step) {
  std::uint64_t turn = 0;
  for (;;) {
    step = body.splice(pipe);
    if (step != BodyStep::data) co_return Error{};
    moved += pipe.held();
    turn += pipe.held();
    if (const Error error = co_await write_all(to, pipe, stall)) co_return error;
    if (turn < kTurn) continue;
    turn = 0;
    co_await to.loop().yield();
  }
}

}  // namespace

bool worth_splicing(const http::BodySource* body, const net::Transport& to) {
  return body != nullptr && to.ssl() == nullptr && body->spliceable() >= kWorth;
}

Task<Error> splice(http::BodySource& body, net::Transport& to, Nanos stall, std::uint64_t& moved) {
  for (;;) {
    Pipe pipe = Pipe::borrow();
    if (!pipe) {  // no descriptor left: the next piece goes by copying
      co_await body.fill();
      co_return Error{};
    }
    // Held only while there is something to move: who waits for bytes, however many do, holds none.
    BodyStep step = BodyStep::wait;
    const Error error = co_await move_what_is_here(body, to, std::move(pipe), stall, moved, step);
    if (error || step != BodyStep::wait) co_return error;
    co_await body.fill();
  }
}

}  // namespace sluice::http1
