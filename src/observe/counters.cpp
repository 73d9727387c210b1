#include "sluice/observe/counters.hpp"

#include <array>
#include <atomic>

namespace sluice::observe {
namespace {

std::array<std::atomic<std::uint64_t>, http::kAbuses> abuses{};

}  // namespace

void count(http::Abuse reason) {
  abuses[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t counted(http::Abuse reason) {
  return abuses[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
}

}  // namespace sluice::observe
