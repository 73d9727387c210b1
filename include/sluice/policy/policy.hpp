// A rule of the house: something that may answer a request in the handler's place, or change the head of a
// response, whoever made it. One folder each in src/policy; catalogue.cpp says which there are, and in which
// order.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/limits/state.hpp"
#include "sluice/net/loop.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::policy {

// A request on its way through the policies, with what of its worker and its process they may need.
struct Visit {
  http::Exchange& exchange;
  net::Loop& loop;
  limits::State& state;
};

// Compiled for a route, immutable, and shared by all workers: what it must remember lies elsewhere.
class Policy {
 public:
  enum class Verdict : std::uint8_t { pass, answered };

  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // As the configuration calls it.
  virtual std::string_view name() const = 0;
  // On the way to the handler. `answered`: the answer is in exchange.response, and nobody further on is
  // asked.
  virtual Verdict admit(Visit& /*visit*/) const { return Verdict::pass; }
  // On the way back: the head is exchange.response, and a body may be filtered (Exchange::filter_response).
  // What admit() found out is in a note (Exchange::leave).
  // What is added must lie in the exchange's arena: a tunnel outlives the plan, and this.
  virtual void shape(Visit& /*visit*/) const {}
};

}  // namespace sluice::policy
