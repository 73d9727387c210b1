// What the admin address answers about bans, and about tenants and their holds; see docs/operations.md.
#pragma once

#include "control/admin_endpoints.hpp"

#include <boost/asio/awaitable.hpp>

namespace sluice::control {

boost::asio::awaitable<Answer> list_bans(Question question, Steering& steering);
boost::asio::awaitable<Answer> add_ban(Question question, Steering& steering);
boost::asio::awaitable<Answer> lift_ban(Question question, Steering& steering);
boost::asio::awaitable<Answer> list_tenants(Question question, Steering& steering);
boost::asio::awaitable<Answer> hold_tenant(Question question, Steering& steering);
boost::asio::awaitable<Answer> release_tenant(Question question, Steering& steering);

}  // namespace sluice::control
