#include "cli/admin_client.hpp"

#include "sluice/base/address.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace sluice::cli {

namespace http = boost::beast::http;
using Protocol = boost::asio::generic::stream_protocol;

std::optional<AdminReply> ask_admin(const std::string& address, const std::string& method,
                                    const std::string& target, std::string& error) {
  const auto parsed = SocketAddress::parse(address);
  if (!parsed) {
    error = "not an address: " + address;
    return std::nullopt;
  }
  boost::asio::io_context io;
  Protocol::socket socket(io);
  boost::system::error_code failure;
  socket.connect(Protocol::endpoint(parsed->raw(), parsed->length()), failure);
  http::request<http::empty_body> request(http::string_to_verb(method), target, 11);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!failure) http::write(socket, request, failure);
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> response;
  if (!failure) http::read(socket, buffer, response, failure);
  if (failure) {
    error = failure.message();
    return std::nullopt;
  }
  return AdminReply{static_cast<int>(response.result_int()), response.body()};
}

}  // namespace sluice::cli
