// A server's place for one request: had while there is room, given back when it is destroyed, and then
// offered to who waits for one.
#pragma once

#include "sluice/upstream/balance/group.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace sluice::handler {

class Place {
 public:
  Place() = default;
  // At the member at `index`; not taken when that has no room any more. What it needs later outlives `group`
  // as long as somebody keeps the endpoint.
  static Place take(const upstream::Group& group, std::size_t index) {
    const upstream::Member& member = group.members()[index];
    Place out;
    if (!member.endpoint->acquire(member.most_active)) return out;
    out.endpoint_ = member.endpoint.get();
    out.index_ = index;
    if (group.rules().queue) out.queue_of_ = group.state();
    return out;
  }
  Place(Place&& other) noexcept
      : endpoint_(std::exchange(other.endpoint_, nullptr)),
        index_(other.index_),
        queue_of_(std::move(other.queue_of_)) {}
  Place& operator=(Place&& other) noexcept {
    give_back();
    endpoint_ = std::exchange(other.endpoint_, nullptr);
    index_ = other.index_;
    queue_of_ = std::move(other.queue_of_);
    return *this;
  }
  ~Place() { give_back(); }

  bool taken() const { return endpoint_ != nullptr; }
  upstream::Endpoint& endpoint() const { return *endpoint_; }
  std::size_t index() const { return index_; }

 private:
  void give_back() {
    if (endpoint_ == nullptr) return;
    endpoint_->release();
    if (queue_of_ != nullptr && queue_of_->queue().anybody()) queue_of_->queue().freed();
  }

  upstream::Endpoint* endpoint_ = nullptr;
  std::size_t index_ = 0;
  std::shared_ptr<upstream::PoolState> queue_of_;  // empty: nobody waits
};

}  // namespace sluice::handler
