// What a connection has still to send. Almost always the socket takes everything at once, and nothing is
// kept.
#pragma once

#include "origin/toolkit/wire.hpp"

#include <string>
#include <string_view>

namespace sluice::bench {

class Outbox {
 public:
  explicit Outbox(toolkit::Wire& wire) : wire_(wire) {}

  // Sends what the socket takes, and keeps the rest for flush(); only when empty(). `text` is copied where it
  // must be kept, `lasting` must stay valid until it has been sent.
  void send(std::string_view text, std::string_view lasting = {});
  void flush();

  bool empty() const { return text_.empty() && lasting_.empty(); }
  // The peer takes nothing any more, and the rest was dropped: what it has said is still to be read.
  bool broken() const { return broken_; }

 private:
  // Takes off `part` what the socket takes. False: no more for now.
  bool write(std::string_view& part, bool more);
  void drop();

  toolkit::Wire& wire_;
  std::string text_;
  std::string_view lasting_;
  bool broken_ = false;
};

}  // namespace sluice::bench
