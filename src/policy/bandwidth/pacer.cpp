#include "policy/bandwidth/pacer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sluice::policy {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
// Whoever has the bucket for himself has a turn of this length, longer than the loop may be late; of many
// that share it each has the shorter turns the more they are, but for the root of it: a thousand have theirs
// within three seconds.
constexpr Nanos kTurn = 100 * kMillisecond;
// The first turn, from which the next follows; also a burst that is smaller is as large as this.
constexpr Nanos kStep = 4 * kMillisecond;
constexpr std::uint64_t kLargestStep = 16 * 1024;
// Who is woken late takes what came meanwhile, as if he had been on time: the ticks of the loop cost no
// bandwidth, however small the burst. Who comes later than this was not kept waiting by us.
constexpr Nanos kLate = 200 * kMillisecond;

std::uint64_t bytes_in(Nanos time, const limits::Terms& terms) {
  return static_cast<std::uint64_t>(std::max(std::floor(static_cast<double>(time) / terms.per_token), 1.0));
}

}  // namespace

Pacer::Pacer(Pacer&& other) noexcept
    : ledger_(other.ledger_),
      lanes_(std::move(other.lanes_)),
      step_(other.step_),
      turn_(other.turn_),
      burst_(other.burst_),
      reserved_(std::exchange(other.reserved_, 0)),
      waited_(other.waited_),
      due_(other.due_) {}

Pacer::~Pacer() { idle(); }

void Pacer::idle() {
  const std::uint64_t bytes = std::exchange(reserved_, 0);
  if (bytes == 0) return;
  for (Lane& lane : lanes_)
    give_back(lane, bytes);
}

void Pacer::add(const limits::Key& key, const limits::Terms& terms, bool own) {
  lanes_.push_back({key, terms, own, 0});
  burst_ = std::min(burst_, terms.burst);
  step_ = std::min({step_, bytes_in(kStep, terms), kLargestStep});
  turn_ = std::min(turn_, bytes_in(kTurn, terms));
}

std::uint64_t Pacer::grant(std::uint64_t bytes, Nanos now) {
  // What is left of a burst, in few calls.
  if (reserved_ == 0 && !behind(now)) {
    for (std::uint64_t part = std::min(bytes, burst_); part > step_; part /= 2) {
      if (take(part, now)) return part;
    }
  }
  std::uint64_t granted = 0;
  while (granted < bytes) {
    if (reserved_ == 0) reserve(behind(now) ? share() : std::min(step_, bytes - granted), now);
    if (due_ > now) break;
    const std::uint64_t part = std::min(reserved_, bytes - granted);
    reserved_ -= part;
    granted += part;
  }
  return granted;
}

// How much to take for the next turn.
std::uint64_t Pacer::share() const {
  const double shorter = static_cast<double>(kTurn) / static_cast<double>(std::max(waited_, kTurn));
  const auto bytes = static_cast<std::uint64_t>(static_cast<double>(turn_) * shorter);
  return std::clamp<std::uint64_t>(bytes, 1, std::max(burst_, step_));
}

// Whether we kept it waiting until a moment ago.
bool Pacer::behind(Nanos now) const { return due_ != 0 && now - due_ <= kLate; }

// All of it from all of them at once, or nothing.
bool Pacer::take(std::uint64_t bytes, Nanos now) {
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    if (take(*lane, bytes, now)) continue;
    std::for_each(lanes_.begin(), lane, [&](Lane& taken) { give_back(taken, bytes); });
    return false;
  }
  return true;
}

bool Pacer::take(Lane& lane, std::uint64_t bytes, Nanos now) {
  if (!lane.own) return ledger_->try_reserve(lane.key, lane.terms, bytes, now);
  const Nanos next = std::max(lane.full_at, now) + lane.terms.time_of(bytes);
  if (next - now > lane.terms.depth()) return false;
  lane.full_at = next;
  return true;
}

void Pacer::reserve(std::uint64_t bytes, Nanos now) {
  const Nanos at = behind(now) ? std::min(due_, now) : now;
  Nanos wait = 0;
  for (Lane& lane : lanes_)
    wait = std::max(wait, reserve(lane, bytes, at));
  waited_ = wait;
  due_ = wait == 0 ? 0 : at + wait;
  reserved_ = bytes;
}

Nanos Pacer::reserve(Lane& lane, std::uint64_t bytes, Nanos now) {
  if (!lane.own) return ledger_->reserve(lane.key, lane.terms, bytes, now);
  lane.full_at = std::max(lane.full_at, now) + lane.terms.time_of(bytes);
  return std::max<Nanos>(lane.full_at - now - lane.terms.depth(), 0);
}

void Pacer::give_back(Lane& lane, std::uint64_t bytes) {
  if (lane.own) {
    lane.full_at -= lane.terms.time_of(bytes);
  } else {
    ledger_->give_back(lane.key, lane.terms, bytes);
  }
}

}  // namespace sluice::policy
