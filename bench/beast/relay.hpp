// Passing messages on, after the relay in Beast's manual, with coroutines in the place of blocking calls.
#pragma once

#include "types.hpp"

#include <span>
#include <string>
#include <vector>

namespace beast_proxy {

// Takes out what is said to the neighbour alone (RFC 9110, 7.6.1). Transfer-Encoding stays: Beast goes by it
// when it writes the message. Framing and Host cannot be named away.
template <bool is_request>
void drop_hop_by_hop(http::header<is_request>& head) {
  std::vector<std::string> named;
  const auto [first, last] = head.equal_range(http::field::connection);
  for (auto field = first; field != last; ++field)
    for (const auto option : http::token_list{field->value()})
      named.emplace_back(option);
  for (const auto& name : named) {
    const auto field = http::string_to_field(name);
    if (field != http::field::transfer_encoding && field != http::field::content_length &&
        field != http::field::host)
      head.erase(name);
  }
  for (const auto field : {http::field::connection, http::field::keep_alive, http::field::proxy_connection,
                           http::field::te, http::field::upgrade, http::field::http2_settings,
                           http::field::proxy_authorization, http::field::proxy_authenticate})
    head.erase(field);
}

// Passes the message whose head was parsed on to the other side, its body as it comes. `storage` holds a
// piece.
template <bool is_request, class From, class To>
awaitable<error_code> relay(From& from, beast::flat_buffer& buffer,
                            http::parser<is_request, http::buffer_body>& parser, To& to,
                            std::span<char> storage) {
  http::serializer<is_request, http::buffer_body> serializer{parser.get()};
  auto& body = parser.get().body();
  body = {nullptr, 0, !parser.is_done()};
  // Small reads otherwise: Beast reads as much as there is room for.
  if (!parser.is_done()) buffer.reserve(kPiece);
  while (!serializer.is_done()) {
    beast::get_lowest_layer(from).expires_after(kSilence);
    beast::get_lowest_layer(to).expires_after(kSilence);
    // What is here already goes with the head, in one write; the head waits for nothing else.
    if (!parser.is_done() && (serializer.is_header_done() || buffer.size() > 0)) {
      body = {storage.data(), storage.size(), true};
      const auto [error, _] = co_await http::async_read_some(from, buffer, parser, as_result);
      if (error && error != http::error::need_buffer) co_return error;
      const auto length = storage.size() - body.size;
      body = {length > 0 ? storage.data() : nullptr, length, !parser.is_done()};
      if (length == 0 && body.more) continue;
    } else {
      body = {nullptr, 0, !parser.is_done()};
    }
    const auto [error, _] = co_await http::async_write(to, serializer, as_result);
    if (error && error != http::error::need_buffer) co_return error;
  }
  co_return error_code{};
}

// The same for a message that has no body, whatever its fields say of one.
template <bool is_request, class To>
awaitable<error_code> relay_head(http::parser<is_request, http::buffer_body>& parser, To& to) {
  http::serializer<is_request, http::buffer_body> serializer{parser.get()};
  beast::get_lowest_layer(to).expires_after(kSilence);
  const auto [error, _] = co_await http::async_write_header(to, serializer, as_result);
  co_return error;
}

}  // namespace beast_proxy
