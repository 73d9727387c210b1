// A request on its way through policies, with a client that notes what it is told.
#pragma once

#include "sluice/policy/policy.hpp"

namespace sluice::test {

class NotingClient final : public http::Downstream {
 public:
  Task<Error> interim(const http::ResponseHead& /*head*/) override { co_return Error{}; }
  Task<Error> respond() override { co_return Error{}; }
  http::BodySource& open_tunnel() override { return body_; }
  void bound_body(std::uint64_t /*most*/) override {}
  void close_after() override { closes = true; }
  void on_departure(Departed /*departed*/, void* /*context*/) override {}
  bool closes = false;

 private:
  http::TextBody body_;
};

struct Visited {
  Visited() { exchange.downstream = &client; }
  NotingClient client;
  http::Exchange exchange;
  net::Loop loop;
  limits::State state;
  policy::Visit visit{exchange, loop, state};
};

}  // namespace sluice::test
