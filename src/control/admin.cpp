#include "control/admin.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/text.hpp"
#include "sluice/observe/metrics.hpp"

#include "control/pools.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <sys/stat.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

namespace sluice::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;

using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr auto kTimeout = std::chrono::seconds(30);
constexpr int kBacklog = 128;
constexpr mode_t kSocketMode = 0660;  // whoever may steer is put into the group

Response reply(const Request& request, http::status status, std::string_view type, std::string body) {
  Response response(status, request.version());
  response.set(http::field::content_type, type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

Response reply_json(const Request& request, http::status status, const json::object& body) {
  return reply(request, status, "application/json", json::serialize(body) + "\n");
}

// A web page in the operator's browser can reach loopback too: it shows by Origin, or by a Host that is a
// name (DNS rebinding). Neither comes from the command line or from a script.
bool from_a_browser_page(const Request& request) {
  if (request.find(http::field::origin) != request.end()) return true;
  const auto host = request[http::field::host];
  std::string_view name(host.data(), host.size());
  if (const std::size_t colon = name.rfind(':'); colon != std::string_view::npos && !name.ends_with(']')) {
    name = name.substr(0, colon);
  }
  if (name.size() > 2 && name.front() == '[') name = name.substr(1, name.size() - 2);
  return !name.empty() && name != "localhost" && !IpAddress::parse(name);
}

// Waits for what the steering thread answers to `ask(done)`.
template <class Answer, class Ask>
asio::awaitable<Answer> steered(Ask ask) {
  auto executor = co_await asio::this_coro::executor;
  // A timer that never expires serves as the event; it is cancelled on this thread when the answer is there.
  asio::steady_timer done(executor, asio::steady_timer::time_point::max());
  Answer answer{};
  ask([&](const Answer& given) {
    asio::post(executor, [&, given] {
      answer = given;
      done.cancel();
    });
  });
  co_await done.async_wait(kToken);
  co_return answer;
}

asio::awaitable<Response> reload_reply(const Request& request, Steering& steering) {
  const auto outcome = co_await steered<Outcome>(
      [&](std::function<void(const Outcome&)> done) { steering.reload(std::move(done)); });
  json::array warnings;
  for (const std::string& warning : outcome.warnings)
    warnings.emplace_back(warning);
  co_return reply_json(request, outcome.applied ? http::status::ok : http::status::unprocessable_entity,
                       {{"result", outcome.applied ? "applied" : "refused"},
                        {"generation", outcome.generation},
                        {"errors", outcome.errors},
                        {"warnings", std::move(warnings)}});
}

// What a change may be asked for by: empty, or the refusal.
std::optional<Response> not_a_change(const Request& request) {
  if (request.method() != http::verb::post) {
    Response response = reply(request, http::status::method_not_allowed, "text/plain", "use POST\n");
    response.set(http::field::allow, "POST");
    return response;
  }
  if (!from_a_browser_page(request)) return std::nullopt;
  return reply(request, http::status::forbidden, "text/plain", "not from a web page\n");
}

std::optional<upstream::Duty> duty_of(std::string_view word) {
  for (const auto duty : {upstream::Duty::ready, upstream::Duty::drain, upstream::Duty::maintenance}) {
    if (word == upstream::to_string(duty)) return duty;
  }
  return std::nullopt;
}

struct DutyChange {
  std::string pool;
  std::string server;
  upstream::Duty duty;
};

// Of "/api/pools/POOL/servers/SERVER/DUTY". The server of a unix socket has slashes in its name: all between
// the fixed parts is the name, percent-encoded or as it is.
std::optional<DutyChange> duty_change(std::string_view target) {
  constexpr std::string_view kStart = "/api/pools/";
  constexpr std::string_view kServers = "/servers/";
  if (!target.starts_with(kStart)) return std::nullopt;
  target.remove_prefix(kStart.size());
  const std::size_t pool_end = target.find(kServers);
  const std::size_t duty_at = target.rfind('/');
  if (pool_end == std::string_view::npos || duty_at < pool_end + kServers.size()) return std::nullopt;
  const auto duty = duty_of(target.substr(duty_at + 1));
  const std::size_t server_at = pool_end + kServers.size();
  const auto server = percent_decoded(target.substr(server_at, duty_at - server_at));
  const auto pool = percent_decoded(target.substr(0, pool_end));
  if (!duty || !server || !pool) return std::nullopt;
  return DutyChange{*pool, *server, *duty};
}

asio::awaitable<Response> duty_reply(const Request& request, const DutyChange& change, Steering& steering) {
  const bool known = co_await steered<bool>([&](std::function<void(bool)> done) {
    steering.set_duty(change.pool, change.server, change.duty, std::move(done));
  });
  json::object told{{"pool", change.pool}, {"server", change.server}};
  if (!known) {
    told["error"] = "there is no such server";
    co_return reply_json(request, http::status::not_found, told);
  }
  told["state"] = upstream::to_string(change.duty);
  co_return reply_json(request, http::status::ok, told);
}

asio::awaitable<Response> answer(const Request& request, Steering& steering) {
  const std::string_view target(request.target().data(), request.target().size());
  const bool reading = request.method() == http::verb::get || request.method() == http::verb::head;
  if (target == "/healthz" && reading) co_return reply(request, http::status::ok, "text/plain", "ok\n");
  if (target == "/readyz" && reading) {
    const bool draining = steering.draining();
    co_return reply(request, draining ? http::status::service_unavailable : http::status::ok, "text/plain",
                    draining ? "draining\n" : "ready\n");
  }
  if (target == "/metrics" && reading) {
    const auto runtime = steering.runtime();
    co_return reply(
        request, http::status::ok, observe::kMetricsType,
        observe::metrics_text(pool_samples(*runtime), server_samples(*runtime), steering.offload()));
  }
  if (target == "/api/pools" && reading) {
    co_return reply_json(request, http::status::ok, {{"pools", pools_json(*steering.runtime())}});
  }
  const auto change = duty_change(target);
  if (target == "/api/config/reload" || change) {
    if (auto refused = not_a_change(request)) co_return std::move(*refused);
    if (change) co_return co_await duty_reply(request, *change, steering);
    co_return co_await reload_reply(request, steering);
  }
  co_return reply(request, http::status::not_found, "text/plain", "no such page\n");
}

asio::awaitable<void> serve(Stream stream, Steering& steering) {
  beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(64 * 1024);
    stream.expires_after(kTimeout);
    const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kToken);
    if (read_error) co_return;
    const Request request = parser.release();
    stream.expires_never();  // a reload takes what it takes
    Response response = co_await answer(request, steering);
    if (request.method() == http::verb::head) response.body().clear();
    stream.expires_after(kTimeout);
    const auto [write_error, written] = co_await http::async_write(stream, response, kToken);
    if (write_error || !response.keep_alive()) co_return;
  }
}

}  // namespace

std::string Admin::listen(const SocketAddress& address) {
  boost::system::error_code error;
  if (address.is_unix()) {
    int fd = -1;
    std::string why = file_.listen(address, kBacklog, kSocketMode, fd);
    if (!why.empty()) return why;
    acceptor_.assign(Protocol(AF_UNIX, 0), fd, error);
  } else {
    acceptor_.open(Protocol(address.family(), 0), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(Protocol::endpoint(address.raw(), address.length()), error);
    if (!error) acceptor_.listen(kBacklog, error);
  }
  if (error) return "cannot listen on " + address.text() + ": " + error.message();
  accept();
  return {};
}

std::string Admin::address() const {
  auto& acceptor = const_cast<Admin*>(this)->acceptor_;
  return SocketAddress::local_of(acceptor.native_handle()).text();
}

void Admin::accept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Protocol::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) asio::co_spawn(io_, serve(Stream(std::move(socket)), steering_), asio::detached);
    accept();
  });
}

}  // namespace sluice::control
