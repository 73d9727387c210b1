// A connection that serves one exchange at a time: HTTP/1.1. Either under way for one, or kept idle.
#pragma once

#include "sluice/base/intrusive_list.hpp"
#include "sluice/http1/client.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <memory>

namespace sluice::upstream {

class Exclusive final : public Channel, public ListLink, private net::TransportObserver {
 public:
  Exclusive(Connections& owner, std::shared_ptr<Endpoint> endpoint, std::unique_ptr<net::Transport> transport)
      : Channel(std::move(endpoint), false),
        owner_(owner),
        http_(std::move(transport)),
        idle_deadline_(&Exclusive::on_idle_deadline, this) {}

  http::Upstream& http() override { return http_; }
  http1::ClientConnection& http1() { return http_; }

  // Kept until `until`, or until something comes: nobody asked for anything.
  void rest(Nanos until) {
    http_.rest();
    idle_deadline_.arm(owner_.loop(), until);
    http_.transport().set_observer(this);
  }
  void wake() {
    idle_deadline_.disarm();
    http_.transport().set_observer(nullptr);
    set_reused();
  }

 private:
  // A FIN, or bytes: either way it is of no more use.
  void on_activity(bool hung_up) override {
    if (hung_up || !http_.transport().quiet()) owner_.drop_idle(*this);
  }
  static void on_idle_deadline(void* self) {
    auto& connection = *static_cast<Exclusive*>(self);
    connection.owner_.drop_idle(connection);
  }

  Connections& owner_;
  http1::ClientConnection http_;
  net::Deadline idle_deadline_;
};

}  // namespace sluice::upstream
