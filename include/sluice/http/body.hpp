// A message body as a source that is pulled: nothing is read before somebody has room for it. That is the
// whole of flow control; the bytes in flight are bounded by one read buffer per direction.
#pragma once

#include "sluice/base/error.hpp"
#include "sluice/base/pipe.hpp"
#include "sluice/base/task.hpp"
#include "sluice/http/fields.hpp"

#include <cstdint>
#include <string_view>

namespace sluice::http {

enum class BodyStep : std::uint8_t {
  data,    // `piece` holds at least one byte
  wait,    // nothing here now: await fill(), then poll again
  end,     // the body is complete; trailers() may be read
  failed,  // error() tells; the message can no longer be completed
};

class BodySource {
 public:
  // Never blocks, reads nothing. Pieces stay valid until the next fill() or release(), or until the source is
  // reset.
  virtual BodyStep poll(std::string_view& piece) = 0;
  // Waits for more. All pieces must have been consumed: written, or copied. On failure poll() says so too.
  virtual Task<void> fill() = 0;
  // All pieces so far have been consumed; their memory may go, and the sender be told of the room. For
  // whoever polls on and on without ever having to wait.
  virtual void release() {}
  // Makes a fill() under way return and the source fail with `cancelled`: nobody wants the rest.
  virtual void stop() = 0;

  // Of what is still to come, how many bytes lie in a socket as they are, so that splice() can move them; 0
  // where the body does not come that way, or some of it is still to be polled.
  virtual std::uint64_t spliceable() const { return 0; }
  // As poll(), but after `data` the next bytes are in `pipe`, which was empty.
  virtual BodyStep splice(Pipe&) { return BodyStep::failed; }

  virtual Error error() const = 0;
  // Trailer fields, after `end`; empty when there were none.
  virtual const Fields& trailers() const = 0;

  BodySource() = default;
  BodySource(const BodySource&) = default;
  BodySource& operator=(const BodySource&) = default;
  virtual ~BodySource() = default;
};

// A body that is all in memory; the text must outlive the source.
class TextBody final : public BodySource {
 public:
  explicit TextBody(std::string_view text = {}) : text_(text) {}
  BodyStep poll(std::string_view& piece) override {
    if (text_.empty()) return BodyStep::end;
    piece = text_;
    text_ = {};
    return BodyStep::data;
  }
  Task<void> fill() override { co_return; }
  void stop() override { text_ = {}; }
  Error error() const override { return {}; }
  const Fields& trailers() const override { return trailers_; }

 private:
  std::string_view text_;
  Fields trailers_;
};

}  // namespace sluice::http
