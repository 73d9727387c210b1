// One client's connection, in the clear or under TLS.
#pragma once

#include "relay.hpp"
#include "types.hpp"
#include "upstreams.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>

#include <boost/beast/ssl.hpp>

namespace beast_proxy {

template <class Stream>
inline constexpr bool is_tls = !std::is_same_v<Stream, beast::tcp_stream>;

inline std::string make_request_id() {
  static std::mt19937_64 random{std::random_device{}()};
  std::array<char, 33> text;
  std::snprintf(text.data(), text.size(), "%016lx%016lx", static_cast<unsigned long>(random()),
                static_cast<unsigned long>(random()));
  return std::string{text.data(), 32};
}

template <class Stream>
class Session {
 public:
  Session(Stream stream, std::shared_ptr<Upstreams> upstreams, std::chrono::seconds idle)
      : stream_(std::move(stream)), upstreams_(std::move(upstreams)), idle_(idle) {}

  awaitable<void> run() {
    error_code error;
    const auto peer = socket().remote_endpoint(error);
    if (error) co_return;
    client_ = peer.address().to_string();
    socket().set_option(tcp::no_delay{true}, error);
    if constexpr (is_tls<Stream>) {
      lowest().expires_after(std::chrono::seconds{10});
      if (auto [failed] = co_await stream_.async_handshake(asio::ssl::stream_base::server, as_result); failed)
        co_return;
    }
    while (co_await serve_one()) {
    }
    co_await end();
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  tcp::socket& socket() { return lowest().socket(); }

  // Whether another request may follow.
  awaitable<bool> serve_one() {
    RequestParser request;
    request.body_limit(boost::none);
    request.header_limit(32 * 1024);
    lowest().expires_after(idle_);
    const auto [error, _] = co_await http::async_read_header(stream_, buffer_, request, as_result);
    if (error) {
      const bool malformed = error.category() == make_error_code(http::error::bad_method).category() &&
                             error != http::error::end_of_stream && error != http::error::partial_message;
      if (malformed) co_await answer(http::status::bad_request);
      co_return false;
    }
    keep_alive_ = request.keep_alive();
    head_ = request.get().method() == http::verb::head;
    version_ = request.get().version();
    if (beast::iequals(request.get()[http::field::expect], "100-continue")) {
      request.get().erase(http::field::expect);
      if (!co_await answer(http::status::continue_)) co_return false;
    }
    prepare(request.get());
    co_return co_await forward(request);
  }

  void prepare(http::request<http::buffer_body>& message) {
    drop_hop_by_hop(message);
    message.version(11);
    message.keep_alive(true);
    message.set("X-Forwarded-For", client_);
    message.set("X-Forwarded-Proto", is_tls<Stream> ? "https" : "http");
    message.set("X-Forwarded-Host", message[http::field::host]);
    message.set("X-Request-ID", make_request_id());
  }

  // A kept connection may turn out to be closed; a request without a body is then sent again over a fresh
  // one.
  awaitable<bool> forward(RequestParser& request) {
    const bool repeatable = request.is_done();
    std::optional<ResponseParser> response;
    auto lease = co_await upstreams_->lease();
    if (co_await ask(lease, request, response)) co_return co_await pass_back(lease, *response);
    if (lease.reused && repeatable) {
      auto fresh = co_await upstreams_->lease_fresh();
      if (co_await ask(fresh, request, response)) co_return co_await pass_back(fresh, *response);
    }
    co_await answer(http::status::bad_gateway);
    co_return false;
  }

  // Sends the request and reads the head of the answer to it; interim answers are passed over.
  awaitable<bool> ask(Lease& lease, RequestParser& request, std::optional<ResponseParser>& response) {
    if (!lease.connection) co_return false;
    auto& [stream, buffer, piece] = *lease.connection;
    if (co_await relay(stream_, buffer_, request, stream, piece)) co_return false;
    do {
      response.emplace();
      response->body_limit(boost::none);
      response->header_limit(64 * 1024);
      response->skip(head_);
      stream.expires_after(kSilence);
      const auto [error, _] = co_await http::async_read_header(stream, buffer, *response, as_result);
      if (error) co_return false;
    } while (response->get().result_int() < 200);
    co_return true;
  }

  awaitable<bool> pass_back(Lease& lease, ResponseParser& response) {
    auto& [stream, buffer, piece] = *lease.connection;
    auto& message = response.get();
    const bool server_keeps = response.keep_alive();
    const bool bare = head_ || message.result() == http::status::no_content ||
                      message.result() == http::status::not_modified;
    drop_hop_by_hop(message);
    const bool open_ended =
        !bare && (message.chunked() || message.find(http::field::content_length) == message.end());
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    if (open_ended) message.chunked(version_ >= 11);
    if (open_ended && version_ < 11) keep_alive_ = false;
    message.version(version_);
    message.keep_alive(keep_alive_);
    const auto failed = bare ? co_await relay_head(response, stream_)
                             : co_await relay(stream, buffer, response, stream_, piece);
    if (failed) {
      // Cut where the client can see it.
      lowest().close();
      co_return false;
    }
    if (server_keeps && response.is_done() && buffer.size() == 0) lease.keep();
    co_return keep_alive_;
  }

  awaitable<bool> answer(http::status status) {
    http::response<http::string_body> message{status, 11};
    if (status != http::status::continue_) {
      message.set(http::field::content_type, "text/plain");
      message.body() = std::string{http::obsolete_reason(status)} + "\n";
      message.keep_alive(false);
      message.prepare_payload();
    }
    lowest().expires_after(kSilence);
    const auto [error, _] = co_await http::async_write(stream_, message, as_result);
    co_return !error;
  }

  awaitable<void> end() {
    if (!socket().is_open()) co_return;
    if constexpr (is_tls<Stream>) {
      lowest().expires_after(std::chrono::seconds{5});
      co_await stream_.async_shutdown(as_result);
    }
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  Stream stream_;
  const std::shared_ptr<Upstreams> upstreams_;
  const std::chrono::seconds idle_;
  beast::flat_buffer buffer_;
  std::string client_;
  // Of the request under way:
  bool keep_alive_ = true;
  bool head_ = false;
  unsigned version_ = 11;
};

}  // namespace beast_proxy
