#include "http2/receive_window.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

// A frame for so many bytes is not too many, however large the window.
constexpr std::int64_t kLargestStep = 1024 * 1024;
// Of one frame, with the byte that says so.
constexpr std::int64_t kMostPadding = 256;
// The budget is shared; trifles are not worth a visit.
constexpr std::int64_t kTrifle = 64 * 1024;

}  // namespace

void ReceiveWindow::start(std::int64_t first, WindowBudget& budget) {
  budget_ = &budget;
  first_ = open_ = target_ = first;
  held_ = 0;
  wide_ = fresh_ = measured_ = false;
}

bool ReceiveWindow::admit(std::uint32_t bytes) {
  if (bytes > open_) return false;
  open_ -= bytes;
  return true;
}

void ReceiveWindow::widen(std::int64_t wish) {
  wide_ = fresh_ = true;
  target_ = first_ + std::clamp<std::int64_t>(wish, 0, budget_->share(held_));
}

// What a wider window lets through arrives a round trip later: the round in which it was granted says
// nothing.
void ReceiveWindow::begin_round(std::uint64_t read) {
  measured_ = wide_ && !fresh_;
  fresh_ = false;
  mark_ = read;
}

bool ReceiveWindow::end_round(std::uint64_t read) {
  if (!measured_) return false;
  measured_ = false;
  const std::int64_t before = target_;
  // A short rest must not cost more than half.
  const std::int64_t wanted = std::max(static_cast<std::int64_t>(read - mark_) * 2, target_ / 2);
  target_ = std::clamp(wanted, first_, first_ + budget_->share(held_));
  return target_ > before;
}

std::int64_t ReceiveWindow::refill(std::int64_t unread, std::uint64_t to_come) {
  if (wide_) target_ = std::min(target_, first_ + budget_->share(held_));
  std::int64_t wanted = target_;
  // Of a length that is known no more is granted, but for some padding.
  if (const std::int64_t padding = first_ / 4; to_come < static_cast<std::uint64_t>(target_ - padding)) {
    wanted = static_cast<std::int64_t>(to_come) + padding;
  }
  std::int64_t missing = wanted - unread - open_;
  const std::int64_t step = std::min(std::clamp(wanted / 8, first_ / 2, kLargestStep), wanted / 2);
  const bool suffices = open_ > kMostPadding && static_cast<std::uint64_t>(open_ - kMostPadding) >= to_come;
  if (missing < step || suffices) missing = 0;
  if (const std::int64_t more = wanted - first_ - held_; missing != 0 && more > 0) {
    if (budget_->take(more)) {
      held_ += more;
    } else {
      missing = std::max<std::int64_t>(missing - more, 0);
    }
  }
  open_ += missing;
  hold_no_more_than(std::max(wanted, open_ + unread) - first_);
  return missing;
}

void ReceiveWindow::end(std::int64_t unread) { hold_no_more_than(unread - first_); }

void ReceiveWindow::hold_no_more_than(std::int64_t bytes) {
  const std::int64_t surplus = held_ - std::max<std::int64_t>(bytes, 0);
  if (surplus <= 0 || (surplus < kTrifle && bytes > 0)) return;
  held_ -= surplus;
  budget_->give_back(surplus);
}

}  // namespace sluice::http2
