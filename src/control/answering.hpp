// What endpoints of the admin address answer with.
#pragma once

#include "sluice/control/json_text.hpp"

#include "control/admin_endpoints.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>

namespace sluice::control {

inline Answer json_answer(unsigned status, const boost::json::object& body) {
  return {status, "application/json", json_text(body) + "\n"};
}

// Waits for what the steering thread answers to `ask(done)`.
template <class Result, class Ask>
boost::asio::awaitable<Result> steered(Ask ask) {
  namespace asio = boost::asio;
  auto executor = co_await asio::this_coro::executor;
  // A timer that never expires serves as the event; it is cancelled on this thread when the result is there.
  asio::steady_timer done(executor, asio::steady_timer::time_point::max());
  Result result{};
  ask([&](const Result& given) {
    asio::post(executor, [&, given] {
      result = given;
      done.cancel();
    });
  });
  co_await done.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return result;
}

}  // namespace sluice::control
