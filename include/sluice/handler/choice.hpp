// Which server is asked, and which one then: the places that a request has at servers of one pool. Waits for
// nobody and opens nothing.
#pragma once

#include "sluice/handler/place.hpp"
#include "sluice/http/exchange.hpp"
#include "sluice/upstream/balance/balancer.hpp"
#include "sluice/upstream/balance/key.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::handler {

class Choice {
 public:
  // As many servers as `retry.attempts` may say.
  static constexpr std::size_t kMost = 10;

  // `balancer` is not used any more once a response is on its way.
  Choice(const http::Exchange& exchange, upstream::Balancer& balancer);

  // A place for this request: at the server the client is bound to, if that can be, or at the one that the
  // pool's policy picks. False: there is none, or others wait for one already.
  bool reserve(Nanos now);
  bool reserved() const { return next_.taken(); }
  // The reserved one is asked from now on.
  const upstream::Member& advance();
  // The queue called: others that wait come later.
  void called() { had_turn_ = true; }

  // A place at another server than those asked so far, within the budget for retries.
  bool reserve_other(upstream::RetryReason reason, Nanos now);
  // Whether another server than this one could be asked.
  bool has_other(Nanos now);
  // Whether one that was not asked could take the request, had it room.
  bool waiting_helps(Nanos now) { return balancer_.waiting_helps(tried(), now); }
  // For how many requests those have room.
  std::uint64_t room(Nanos now) const { return balancer_.room(tried(), now); }

  // Who is being asked: its index in the group, and itself.
  std::size_t index() const { return place_.index(); }
  upstream::Endpoint& endpoint() const { return place_.endpoint(); }
  // The one that the client's cookie names, or kNobody.
  std::size_t bound_to() const { return bound_to_; }
  // All places are given back.
  void end() {
    next_ = Place();
    place_ = Place();
  }

 private:
  const upstream::Group& group() const { return balancer_.group(); }
  std::span<const std::uint32_t> tried() const { return {tried_.data(), tried_count_}; }

  upstream::Balancer& balancer_;
  Place place_;  // at who is being asked
  Place next_;   // at who is asked then
  upstream::Key key_;
  std::size_t bound_to_ = upstream::kNobody;
  std::array<std::uint32_t, kMost> tried_;  // ids of endpoints
  std::size_t tried_count_ = 0;
  bool had_turn_ = false;
};

}  // namespace sluice::handler
