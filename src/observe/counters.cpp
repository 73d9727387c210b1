#include "sluice/observe/counters.hpp"

#include <array>
#include <atomic>

namespace sluice::observe {
namespace {

std::array<std::atomic<std::uint64_t>, http::kAbuses> abuses{};
std::array<std::atomic<std::uint64_t>, kTurnaways> turned_away{};
std::atomic<std::uint64_t> held{0};
std::array<std::atomic<std::uint64_t>, 2> lost_lines{};

}  // namespace

void count(http::Abuse reason) {
  abuses[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t counted(http::Abuse reason) {
  return abuses[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
}

std::string_view to_string(Turnaway bound) {
  switch (bound) {
    case Turnaway::connections: return "connections";
    case Turnaway::connections_per_ip: return "connections_per_ip";
    case Turnaway::handshakes_per_ip: return "handshakes_per_ip";
  }
  return "";
}

void count(Turnaway bound) {
  turned_away[static_cast<std::size_t>(bound)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t counted(Turnaway bound) {
  return turned_away[static_cast<std::size_t>(bound)].load(std::memory_order_relaxed);
}

void count_held() { held.fetch_add(1, std::memory_order_relaxed); }

std::uint64_t counted_held() { return held.load(std::memory_order_relaxed); }

void count_lost(LogKind log, std::uint64_t lines) {
  lost_lines[static_cast<std::size_t>(log)].fetch_add(lines, std::memory_order_relaxed);
}

std::uint64_t counted_lost(LogKind log) {
  return lost_lines[static_cast<std::size_t>(log)].load(std::memory_order_relaxed);
}

}  // namespace sluice::observe
