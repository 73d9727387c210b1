// A large body that comes in the clear and leaves in the clear, by length on both sides: moved from socket to
// socket inside the kernel.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/body.hpp"
#include "sluice/net/transport.hpp"

#include <cstdint>

namespace sluice::http1 {

// Whether splice() has something to do with what is left of `body`; nullptr: no body.
bool worth_splicing(const http::BodySource* body, const net::Transport& to);

// Moves what it can of the rest of `body` to `to`, and counts it in `moved`. What is left then, if only the
// end, is to be polled as ever. `stall` as in Transport::write_all. Errors are those of `to`.
Task<Error> splice(http::BodySource& body, net::Transport& to, Nanos stall, std::uint64_t& moved);

}  // namespace sluice::http1
