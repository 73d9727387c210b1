// What came of one worker's exchanges, as plain numbers. The worker alone writes them, so that adding is a
// load and a store without a lock; anybody may read them at any time, and adds up those of all workers.
#pragma once

#include "sluice/base/rule.hpp"
#include "sluice/http/exchange.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::observe {

class Totals {
 public:
  // An exchange is over; `status` is what the client was told, 0 where it was told nothing.
  void add(std::uint16_t status, const http::Record& record) {
    add(by_status_[status < kStatuses ? status : 0], 1);
    add(bytes_in_, record.bytes_in);
    add(bytes_out_, record.bytes_out);
    // A connection is counted once, and not again for each of the requests that ended with it.
    if (record.rule != Rule::none && !(of_connection(record.rule) && record.rule_side == Side::downstream)) {
      refused(record.rule_side, record.rule);
    }
  }
  // A message was refused, or a connection was ended.
  void refused(Side side, Rule rule) {
    add(refused_[side == Side::upstream ? 1 : 0][static_cast<std::size_t>(rule)], 1);
  }

  struct Sum {
    struct Requests {
      std::uint16_t status;
      std::uint64_t count;
    };
    struct Refused {
      Side side;
      Rule rule;
      std::uint64_t count;
    };
    std::vector<Requests> requests;  // by status, without those that never were
    std::vector<Refused> refused;    // by side and rule, with those that may still be
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
  };
  static Sum sum(const std::vector<const Totals*>& workers);

 private:
  using Number = std::atomic<std::uint64_t>;
  static constexpr std::size_t kStatuses = 600;

  static void add(Number& to, std::uint64_t what) {
    to.store(to.load(std::memory_order_relaxed) + what, std::memory_order_relaxed);
  }

  std::array<Number, kStatuses> by_status_{};
  std::array<std::array<Number, kRules>, 2> refused_{};  // by side
  Number bytes_in_{0};
  Number bytes_out_{0};
};

}  // namespace sluice::observe
