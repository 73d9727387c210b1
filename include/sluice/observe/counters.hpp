// Totals of the process for /metrics that belong to no exchange. Any thread adds, relaxed: nobody orders
// anything by them.
#pragma once

#include "sluice/http/service.hpp"

#include <cstdint>

namespace sluice::observe {

void count(http::Abuse reason);
std::uint64_t counted(http::Abuse reason);

}  // namespace sluice::observe
