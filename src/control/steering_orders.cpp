// What operators order of the running process, beside another configuration.
#include "sluice/control/steering.hpp"
#include "sluice/observe/log.hpp"

#include "control/duties.hpp"
#include "control/orders.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace sluice::control {

void Steering::set_duty(std::string pool, std::string server, upstream::Duty duty,
                        const std::function<void(const DutyOutcome&)>& done) {
  later(
      [this, pool = std::move(pool), server = std::move(server), duty, done] {
        DutyOutcome outcome;
        for (const std::string& name : find_servers(*runtime_, pool, server, outcome)) {
          registry_.set_duty(pool, name, duty, steady_now());
          observe::log_info("pool {}: server {} is set to {}", pool, name, upstream::to_string(duty));
        }
        done(outcome);
      },
      [done](const std::string& why) {
        done({why, {}});
      });
}

void Steering::take_holds() {
  auto runtime = std::make_shared<proxy::Runtime>(*runtime_);
  runtime->holds = orders_->holds();
  config::Diagnostics diagnostics;
  give_to_workers(runtime, diagnostics);
}

void Steering::give_order(Order order, const std::function<void(const OrderOutcome&)>& done) {
  later(
      [this, order = std::move(order), done] {
        const OrderOutcome outcome = orders_->obey(order, *runtime_->plan);
        if (orders_->holds() != runtime_->holds) take_holds();
        done(outcome);
      },
      [done](const std::string& why) { done({.status = 500, .error = why}); });
}

observe::OrderSample Steering::orders() const {
  const auto holds = runtime()->holds;
  return {limits_.bans.size(), limits_.bans.refused(), holds != nullptr ? holds->size() : 0};
}

void Steering::look_after_orders() {
  const Nanos now = steady_now();
  limits_.bans.sweep(now);
  const auto holds = runtime()->holds;
  if (holds == nullptr) return;
  const bool over =
      std::any_of(holds->begin(), holds->end(), [&](const auto& item) { return item.second.until <= now; });
  if (!over) return;
  later([this] {
    if (orders_->expire(steady_now())) take_holds();
  });
}

void Steering::tell(const limits::Ban& ban) {
  constexpr Nanos kSecond = 1'000'000'000;
  told_bans_.tell(observe::LogLevel::warn, ban.since, "{} is banned by limit {} for {} for {} s",
                  ban.block.text(), ban.limit, ban.tenant.empty() ? "all tenants" : "tenant " + ban.tenant,
                  (ban.until - ban.since) / kSecond);
}

}  // namespace sluice::control
