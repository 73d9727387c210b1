#include "control/admin.hpp"

#include "sluice/base/clock.hpp"
#include "sluice/config/diagnostics_json.hpp"

#include "control/admin_endpoints.hpp"
#include "control/admin_guard.hpp"
#include "control/answering.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

// GCC 12 inlines one of the two functions by which Asio makes and frees a coroutine's frame, and then takes
// them for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace sluice::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr auto kTimeout = 30s;  // for a request from the end of the one before, and for its answer
constexpr std::uint32_t kMostHead = 8 * 1024;
constexpr std::uint64_t kMostBody = 16 * 1024;
constexpr std::size_t kMostConnections = 64;
constexpr int kBacklog = 128;
constexpr mode_t kSocketMode = 0660;  // whoever may steer is put into the group
constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 1600ms;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Signs signs_of(const Request& request) {
  return {view(request[http::field::host]), request.find(http::field::origin) != request.end(),
          view(request["Sec-Fetch-Site"])};
}

asio::awaitable<Answer> answer(const Request& request, Steering& steering) {
  if (request.count(http::field::host) > 1) co_return Answer{.status = 400, .body = "two Host fields\n"};
  if (request.version() >= 11 && request.count(http::field::host) == 0)  // RFC 9112 §3.2
    co_return Answer{.status = 400, .body = "no Host field\n"};
  Found found = find_endpoint(view(request.method_string()), view(request.target()));
  const bool open = found.endpoint != nullptr && found.endpoint->access == Access::open;
  if (!open && !may_ask(signs_of(request)))
    co_return Answer{.status = 403,
                     .body = "not from a web page: ask without Origin, as Host: localhost or by address\n"};
  if (found.endpoint == nullptr) co_return std::move(found.otherwise);
  found.question.body = request.body();
  co_return co_await found.endpoint->answer(std::move(found.question), steering);
}

Response response_of(const Request& request, Answer answer) {
  Response response(static_cast<http::status>(answer.status), request.version());
  response.set(http::field::content_type, answer.type);
  response.set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  response.keep_alive(request.keep_alive());
  response.body() = std::move(answer.body);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// The answer to a request that cannot be read; 0 where there is nobody to answer.
unsigned status_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit) return 431;
  if (error == http::error::body_limit) return 413;
  const bool malformed = error.category() == make_error_code(http::error::bad_method).category();
  const bool over = error == http::error::end_of_stream || error == http::error::partial_message;
  return malformed && !over ? 400 : 0;
}

// As endpoints say what is wrong: most likely a parameter is too long.
Answer not_read(unsigned status) {
  std::string why = "the request cannot be understood";
  if (status == 431) why = fmt::format("the head of the request is longer than {} bytes", kMostHead);
  if (status == 413) why = fmt::format("the body of the request is longer than {} bytes", kMostBody);
  const config::Finding error = config::finding(config::Severity::error, std::move(why));
  return json_answer(status, {{"errors", config::to_json({error})}});
}

}  // namespace

class Admin::Connection final : public ListLink {
 public:
  explicit Connection(Protocol::socket socket) : stream(std::move(socket)) {}
  beast::basic_stream<Protocol> stream;
  bool waiting = true;  // for a request
};

Admin::Admin(boost::asio::io_context& io, Steering& steering)
    : io_(io), steering_(steering), acceptor_(io), retry_(io) {}

Admin::~Admin() = default;

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
    if (error) return pause(error);
    pause_ = kFirstPause;
    trouble_.over("accepting on the admin address again");
    admit(std::move(socket));
    accept();
  });
}

// Most likely descriptors ran out. Whoever asks waits in the backlog meanwhile.
void Admin::pause(const boost::system::error_code& error) {
  trouble_.tell(observe::LogLevel::warn, steady_now(), "cannot accept on the admin address: {}; trying again",
                error.message());
  pause_ = std::clamp<std::chrono::milliseconds>(pause_, kFirstPause, kLongestPause);
  retry_.expires_after(pause_);
  pause_ *= 2;
  retry_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled) accept();
  });
}

// Where there are as many as may be, the one that has been idle longest makes way: whoever holds them all
// must not keep the operator out.
void Admin::admit(Protocol::socket socket) {
  std::size_t open = 0;
  Connection* idle = nullptr;
  connections_.for_each([&](Connection& connection) {
    ++open;
    if (idle == nullptr && connection.waiting) idle = &connection;
  });
  if (open >= kMostConnections) {
    if (idle == nullptr) return;
    idle->unlink();
    idle->stream.close();
  }
  asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
}

asio::awaitable<void> Admin::serve(Protocol::socket socket) {
  Connection connection(std::move(socket));
  beast::flat_buffer buffer;
  for (bool more = true; more;) {
    connection.unlink();
    connections_.push_back(connection);
    connection.waiting = true;
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMostHead);
    parser.body_limit(kMostBody);
    connection.stream.expires_after(kTimeout);
    const auto [read_error, read] = co_await http::async_read(connection.stream, buffer, parser, kToken);
    connection.waiting = false;
    const unsigned wrong = read_error ? status_of(read_error) : 0;
    if (read_error && wrong == 0) co_return;
    Request request = parser.release();
    connection.stream.expires_never();  // a reload takes what it takes
    Answer told;
    if (wrong == 0) {
      told = co_await answer(request, steering_);
    } else {
      told = not_read(wrong);
      request.version(11);
      request.keep_alive(false);
    }
    Response response = response_of(request, std::move(told));
    connection.stream.expires_after(kTimeout);
    const auto [write_error, written] = co_await http::async_write(connection.stream, response, kToken);
    more = !write_error && response.keep_alive();
  }
}

}  // namespace sluice::control
