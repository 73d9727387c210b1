// A body that goes no faster than its buckets let it: what may not go yet waits where it is, and nothing more
// is read from the server meanwhile.
#pragma once

#include "sluice/http/body_filter.hpp"
#include "sluice/net/loop.hpp"

#include "policy/bandwidth/pacer.hpp"

#include <string_view>
#include <utility>

namespace sluice::policy {

class PacedBody final : public http::BodyFilter {
 public:
  static constexpr bool kKeepsLength = true;

  PacedBody(net::Loop& loop, Pacer pacer)
      : loop_(loop), pacer_(std::move(pacer)), deadline_(&PacedBody::on_deadline, this) {}

  http::BodyStep poll(std::string_view& piece) override;
  Task<void> fill() override;
  void release() override;
  void stop() override;
  Error error() const override;

 private:
  struct Pause;

  Task<void> pause();
  void wake();
  static void on_deadline(void* self) { static_cast<PacedBody*>(self)->wake(); }

  net::Loop& loop_;
  Pacer pacer_;
  std::string_view held_;  // of the inner body's last piece: what may not go yet
  net::Deadline deadline_;
  net::Waiter* waiter_ = nullptr;
  bool stopped_ = false;
};

}  // namespace sluice::policy
