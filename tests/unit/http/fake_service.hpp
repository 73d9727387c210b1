// A service that answers whatever it is told to, and the loop and sockets for a client's connection with it.
#pragma once

#include "sluice/http/reply.hpp"
#include "sluice/http/service.hpp"

#include "unit/net/loop_fixture.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace sluice::test {

// What a body comes to; "!" behind one that broke off.
inline Task<std::string> read_body(http::Exchange& exchange) {
  std::string out;
  while (exchange.request_body != nullptr) {
    std::string_view piece;
    const http::BodyStep step = exchange.request_body->poll(piece);
    if (step == http::BodyStep::data) out += piece;
    if (step == http::BodyStep::wait) co_await exchange.request_body->fill();
    if (step == http::BodyStep::end) break;
    if (step == http::BodyStep::failed) co_return out + "!";
  }
  co_return out;
}

inline void answer_with(http::Exchange& exchange, std::string_view text) {
  exchange.response.status = 200;
  exchange.response.reason = "OK";
  exchange.response.framing = http::Framing::length;
  exchange.response.length = text.size();
  exchange.text_body = http::TextBody(exchange.arena.copy(text));
  exchange.response_body = &exchange.text_body;
}

inline http::ServerSettings patient() {
  http::ServerSettings out;
  out.header = out.idle = out.body = 5'000'000'000;
  return out;
}

// `ServerConnection` is http1's or http2's. The test is the client, at pair.second().
template <class ServerConnection>
class FakeService : public http::Service {
 public:
  explicit FakeService(const http::ServerSettings& settings = patient()) : settings_now(settings) {
    connection = new ServerConnection(std::make_unique<net::Transport>(loop, pair.take_first(), false), *this,
                                      "192.0.2.1", 3);
  }
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  net::Loop loop;
  SocketPair pair;
  http::ServerSettings settings_now;
  ServerConnection* connection = nullptr;
  std::vector<std::string> served;  // "METHOD target body" of each request
  std::vector<ErrorKind> refused;
  std::vector<http::Abuse> abuses;
  std::vector<Rule> rules;  // that connections broke
  std::size_t under_way = 0;
  std::function<Task<void>(http::Exchange&)> serving = [this](http::Exchange& exchange) -> Task<void> {
    const std::string body = co_await read_body(exchange);
    served.push_back(std::string(exchange.request.method_text) + " " + std::string(exchange.request.target) +
                     " " + body);
    answer_with(exchange, "ok" + std::to_string(served.size()));
    co_await exchange.downstream->respond();
  };

 protected:
  ~FakeService() { delete connection; }

 private:
  http::ServerSettings settings(std::uint32_t listener) override {
    CHECK(listener == 3);
    return settings_now;
  }
  Task<void> serve(http::Exchange& exchange) override {
    CHECK(exchange.origin.peer_ip == "192.0.2.1");
    ++under_way;
    co_await serving(exchange);
    --under_way;
  }
  Task<void> refuse(http::Exchange& exchange, const Error& error) override {
    CHECK(error.side == Side::downstream);
    refused.push_back(error.kind);
    http::make_reply(exchange, http::reason_for(error));
    co_await exchange.downstream->respond();
  }
  void abused(const http::Connection& over, http::Abuse reason) override {
    CHECK(&over == connection);
    abuses.push_back(reason);
  }
  void broken(const http::Connection& over, Rule rule) override {
    CHECK(&over == connection);
    rules.push_back(rule);
  }
  void ended(http::Connection& over) override {
    CHECK(&over == connection);
    CHECK(under_way == 0);
    delete std::exchange(connection, nullptr);
  }
};

}  // namespace sluice::test
