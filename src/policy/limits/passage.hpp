// What the limits of a route made of one request, from the way there to the end of the exchange.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/limits/ledger.hpp"
#include "sluice/policy/limit.hpp"

#include <cstdint>
#include <span>

namespace sluice::policy {

// What one limit said.
struct Answer {
  const Limit* limit;  // only while the plan is there
  limits::Key key;
  std::uint32_t cost;
  bool passed;
  bool inside;         // counted as under way until the exchange is over
  bool unreachable;    // not passed: nobody could tell
  std::uint64_t left;  // tokens, or places
  Nanos wait;          // not passed: until it will
  Nanos full;          // of a rate: until all of them are back
};

// Lies in the exchange's arena.
struct Passage : http::Note {
  limits::Ledger* ledger;
  Answer* answers;
  std::size_t size = 0;

  std::span<Answer> all() const { return {answers, size}; }
};

// RateLimit-Policy and RateLimit, for the limits that are enforced; the application's own make way for them.
void tell(http::Exchange& exchange, const Passage& passage);

}  // namespace sluice::policy
