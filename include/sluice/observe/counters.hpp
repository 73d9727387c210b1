// Totals of the process for /metrics that belong to no exchange. Any thread adds, relaxed: nobody orders
// anything by them.
#pragma once

#include "sluice/http/service.hpp"

#include <cstdint>

namespace sluice::observe {

enum class LogKind : std::uint8_t { access, process };

void count(http::Abuse reason);
std::uint64_t counted(http::Abuse reason);

// Lines of a log that were lost.
void count_lost(LogKind log, std::uint64_t lines);
std::uint64_t counted_lost(LogKind log);

}  // namespace sluice::observe
