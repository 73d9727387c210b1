#include "cli/admin_client.hpp"

#include "sluice/base/address.hpp"
#include "sluice/base/file_error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

// See control/admin.cpp.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace sluice::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Protocol = asio::generic::stream_protocol;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
// A list of many servers, and the errors of a large file.
constexpr std::uint64_t kMostBody = 256ULL << 20U;

std::string in_words(const boost::system::error_code& error, std::chrono::seconds patience) {
  if (error == beast::error::timeout) return fmt::format("no answer within {} s", patience.count());
  if (error == asio::error::access_denied) return file_error(error.value());
  if (error == asio::error::connection_refused)
    return error.message() + "; the process that listened there is gone";
  if (error == http::error::end_of_stream) return "the connection was closed without an answer";
  return error.message();
}

struct Exchange {
  http::request<http::empty_body> request;
  http::response_parser<http::string_body> response;
  boost::system::error_code error;
};

asio::awaitable<void> ask(const SocketAddress& address, std::chrono::seconds patience, Exchange& exchange) {
  beast::basic_stream<Protocol> stream(co_await asio::this_coro::executor);
  stream.expires_after(patience);
  auto [failed] = co_await stream.async_connect(Protocol::endpoint(address.raw(), address.length()), kToken);
  beast::flat_buffer buffer;
  if (!failed) std::tie(failed, std::ignore) = co_await http::async_write(stream, exchange.request, kToken);
  if (!failed) {
    std::tie(failed, std::ignore) = co_await http::async_read(stream, buffer, exchange.response, kToken);
  }
  exchange.error = failed;
}

}  // namespace

std::optional<AdminReply> ask_admin(const std::string& address, const std::string& method,
                                    const std::string& target, std::chrono::seconds patience,
                                    std::string& why) {
  const auto parsed = SocketAddress::parse(address);
  if (!parsed) {
    why = "not an address";
    return std::nullopt;
  }
  Exchange exchange;
  exchange.request = {http::string_to_verb(method), target, 11};
  exchange.request.set(http::field::host, "localhost");
  exchange.request.set(http::field::connection, "close");
  exchange.response.body_limit(kMostBody);
  asio::io_context io;
  asio::co_spawn(io, ask(*parsed, patience, exchange), asio::detached);
  io.run();
  if (exchange.error) {
    why = in_words(exchange.error, patience);
    return std::nullopt;
  }
  return AdminReply{static_cast<int>(exchange.response.get().result_int()),
                    std::move(exchange.response.get().body())};
}

}  // namespace sluice::cli
