// The names that all of this proxy uses.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace beast_proxy {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;

using RequestParser = http::request_parser<http::buffer_body>;
using ResponseParser = http::response_parser<http::buffer_body>;

// Errors as values: a peer that goes away is no exception.
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// What is read of a body at a time.
inline constexpr std::size_t kPiece = 64 * 1024;

// How long a side may be silent in the middle of a message.
inline constexpr std::chrono::seconds kSilence{60};

}  // namespace beast_proxy
