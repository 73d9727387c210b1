// Totals of the process for /metrics that belong to no exchange. Any thread adds, relaxed: nobody orders
// anything by them.
#pragma once

#include "sluice/http/service.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::observe {

// Why a client's connection is closed as soon as it was accepted: the bound of `max` that it would go beyond.
enum class Turnaway : std::uint8_t { connections, connections_per_ip, handshakes_per_ip };
constexpr std::size_t kTurnaways = 3;
std::string_view to_string(Turnaway bound);

enum class LogKind : std::uint8_t { access, process };

void count(http::Abuse reason);
std::uint64_t counted(http::Abuse reason);

void count(Turnaway bound);
std::uint64_t counted(Turnaway bound);

// A request that was refused because its tenant is on hold.
void count_held();
std::uint64_t counted_held();

// Lines of a log that were lost.
void count_lost(LogKind log, std::uint64_t lines);
std::uint64_t counted_lost(LogKind log);

}  // namespace sluice::observe
