// A cookie that brings a client back to the server that answered it first.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/http/exchange.hpp"
#include "sluice/upstream/balance/group.hpp"

#include <cstddef>

namespace sluice::handler {

// The member that the request's cookie names, or upstream::kNobody. The group has `sticky`.
std::size_t bound_server(const http::Exchange& exchange, const upstream::Group& group);

// Adds the cookie to the response of the member at `chosen`, where the client has none (`bound` is kNobody)
// or its server can take it no more. One that is merely full keeps its clients.
void bind_client(http::Exchange& exchange, const upstream::Group& group, std::size_t bound,
                 std::size_t chosen, Nanos now);

}  // namespace sluice::handler
