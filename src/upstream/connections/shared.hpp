// A connection that serves many exchanges at once: HTTP/2. Opened once for all who ask meanwhile; lives as
// long as the server lets it and there is use for it.
#pragma once

#include "sluice/base/intrusive_list.hpp"
#include "sluice/http2/client.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <memory>
#include <vector>

namespace sluice::upstream {

class Shared final : public ListLink, private http2::ClientOwner {
 public:
  // Begins to connect; owned by itself from then on.
  static Shared& start(Connections& owner, std::shared_ptr<Endpoint> endpoint, const ConnectTime& time);

  // co_await: a stream, or why there is none. Neither: there were more who waited than the server lets in.
  struct Share {
    Share(Shared& of, Nanos give_up_at)
        : connection(of), give_up(give_up_at), deadline(&Share::on_deadline, this) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    void await_resume() const noexcept {}
    static void on_deadline(void* self);

    Shared& connection;
    Nanos give_up;
    net::Deadline deadline;
    std::unique_ptr<http2::ClientStream> stream;
    Error error;
    net::Waiter waiter{};
  };

  bool opening() const { return http_ == nullptr || !http_->is_ready(); }
  // Whether one more may wait for it.
  bool has_room_to_wait() const;
  // A stream now, or nullptr. `sure`: see Connections::take.
  std::unique_ptr<Channel> take(bool sure);
  std::unique_ptr<Channel> channel(std::unique_ptr<http2::ClientStream> stream, bool reused);

  // How long the connection of `channel` may stay without use.
  static void keep_for(Channel& channel, Nanos idle);
  void drain();
  void cancel(ErrorKind kind);

 private:
  class Stream;

  Shared(Connections& owner, std::shared_ptr<Endpoint> endpoint, Nanos idle);
  Detached establish(Nanos connect_timeout);
  void settle(const Error& error);
  void ready(http2::ClientConnection& connection) override;
  void released(http2::ClientConnection& connection) override;
  void ended(http2::ClientConnection& connection) override;
  static void on_deadline(void* self);

  Connections& owner_;
  std::shared_ptr<Endpoint> endpoint_;
  std::unique_ptr<http2::ClientConnection> http_;
  std::vector<Share*> waiting_;
  net::Deadline deadline_;  // for the settings, then for use
  Nanos idle_;
  bool cancelled_ = false;  // while connecting
};

}  // namespace sluice::upstream
