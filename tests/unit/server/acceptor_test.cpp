#include "server/acceptor.hpp"

#include <cerrno>

#include <catch2/catch.hpp>

using sluice::server::concerns_connection;

TEST_CASE("errors of accept that concern one connection", "[server]") {
  for (const int error : {ECONNABORTED, EINTR, EPERM, EPROTO, ENETDOWN, EHOSTUNREACH})
    CHECK(concerns_connection(error));
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL, EOPNOTSUPP, EBADF, ENOTSOCK, EFAULT, 0})
    CHECK_FALSE(concerns_connection(error));
}
