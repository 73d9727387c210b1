// A connection to an HTTP/2 server: how many streams there may be, whether it still lives, how it ends.
#pragma once

#include "sluice/http2/client.hpp"

#include "http2/client_exchange.hpp"
#include "http2/session.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace sluice::http2 {

class ClientSession final : public Session {
 public:
  ClientSession(std::unique_ptr<net::Transport> transport, ClientConnection& connection, ClientOwner& owner);

  void run();

  bool available() const {
    return is_ready() && !leaving_ && alive() && promised_ + streams().size() < most() &&
           next_id_ < kLargestStream;
  }
  bool is_ready() const { return got_settings_; }
  std::size_t most() const { return std::min<std::size_t>(peer_streams_, ClientConnection::kMostStreams); }
  bool usable() const { return alive() && !leaving_ && streams().size() < most(); }
  bool speaks_connect() const { return peer_connect_protocol_; }
  std::size_t active() const { return promised_ + streams().size(); }
  bool is_far() const;

  void promise() {
    ++promised_;
    hold();
  }
  void break_promise() {
    --promised_;
    let_go();
  }
  // The stream begins, with next_id() for its number.
  void admit(Stream& stream) {
    last_stream_ = stream.id();
    next_id_ += 2;
    if (streams().empty()) last_read_ = loop().now();  // silence counts from here
    add(stream);
    break_promise();
  }
  std::uint32_t next_id() const { return next_id_; }
  // A stream waited in vain since `since`. If nothing at all has come, the way may be dead: nobody else is
  // sent there.
  void suspect(Nanos since) {
    if (last_read_ < since) leaving_ = true;
  }
  void release(ClientExchange& stream) {
    hold();
    if (stream.id() != 0) {
      remove(stream);
    } else {
      break_promise();
    }
    if (leaving_ && active() == 0 && alive()) close();
    owner_.released(connection_);
    let_go();  // may destroy the session
  }
  void drain() {
    leaving_ = true;
    if (active() == 0 && alive()) {
      send_goaway(0, Code::no_error);
      close();
    }
  }

 private:
  void on_block(const FrameHead& head, std::string_view block, bool malformed) override;
  void on_settings() override {
    if (!std::exchange(told_ready_, true)) owner_.ready(connection_);
  }
  void on_goaway(std::uint32_t last, Code code) override;
  void on_ping_ack(std::string_view /*opaque*/) override { ping_open_ = false; }
  void on_silence() override;
  Nanos read_deadline() const override;
  void on_abuse(http::Abuse /*reason*/) override {}
  void on_broken(Rule /*rule*/) override {}  // those who wait for an answer are told
  void ended() override {
    if (!std::exchange(told_ready_, true)) owner_.ready(connection_);
    owner_.ended(connection_);
  }

  ClientConnection& connection_;
  ClientOwner& owner_;
  std::uint32_t next_id_ = 1;
  std::size_t promised_ = 0;  // opened, and not begun yet
  Nanos pinged_ = 0;
  bool ping_open_ = false;
  bool leaving_ = false;  // GOAWAY, theirs or ours
  bool told_ready_ = false;
};

}  // namespace sluice::http2
