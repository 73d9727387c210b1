// One HTTP/2 connection, either side of it: frames, windows, settings, the order in which streams send, and
// the orderly and disorderly ends. What a header block means is left to the two sides.
//
// Two coroutines: one reads and dispatches, one writes what was gathered in a turn of the loop. Everything
// that is sent is appended to one buffer in the order in which it was encoded, as HPACK demands; bodies are
// pulled into it only when there is room, so that nobody's slowness costs more than that buffer.
//
// Life: ends when both coroutines and all streams have; ended() is then called once and destroys it.
#pragma once

#include "sluice/base/buffer.hpp"
#include "sluice/base/token_bucket.hpp"
#include "sluice/http/service.hpp"
#include "sluice/net/transport.hpp"

#include "http2/frame.hpp"
#include "http2/hpack.hpp"
#include "http2/round_trip.hpp"
#include "http2/stream.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http2 {

enum class Role : std::uint8_t { server, client };

struct SessionLimits {
  std::uint32_t head = 32 * 1024;        // bytes of one header block once decoded
  std::uint32_t resets = 500;            // per minute, see http::Http2Limits
  std::uint32_t control_frames = 1'000;  // per minute
  std::uint32_t continuations = 16;
  std::uint32_t streams = 128;  // that are open at a time
  // What the peer may send on one; whoever wants another than the default has to announce() it.
  std::int64_t stream_window = kDefaultWindow;
  Nanos stall = 0;  // the longest wait for the peer to take what we send
};

// The last ids of a kind: a ring that grows only as far as it is used.
class LastIds {
 public:
  explicit LastIds(std::size_t most) : most_(most) {}
  void add(std::uint32_t id) {
    if (ids_.size() < most_) {
      ids_.push_back(id);
    } else {
      ids_[next_++ % most_] = id;
    }
  }
  bool contains(std::uint32_t id) const { return std::find(ids_.begin(), ids_.end(), id) != ids_.end(); }

 private:
  std::vector<std::uint32_t> ids_;
  std::size_t most_;
  std::size_t next_ = 0;
};

class Session {
 public:
  Session(std::unique_ptr<net::Transport> transport, Role role, const SessionLimits& limits);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  net::Loop& loop() const { return transport_->loop(); }
  net::Transport& transport() const { return *transport_; }

  // For streams and their bodies.
  void start_window(ReceiveWindow& window) const { window.start(limits_.stream_window, window_budget()); }
  // What a large body may have under way.
  std::int64_t reach() const { return round_trip_.reach(); }
  // Finds out how much is read in a round trip, if it is time to.
  void measure();
  void send_window_update(std::uint32_t stream, std::uint32_t bytes);
  void send_reset(std::uint32_t stream, Code code);
  // Encodes a header block: fields go to encoder(), into the text that begin_block() answers.
  std::string& begin_block();
  HpackEncoder& encoder() { return encoder_; }
  void send_block(Stream& stream, const std::string& block, bool end_stream);

  // Whether the peer takes what we send.
  bool reads() const { return out_.size() <= kMostUnsent; }

  // The connection is lost or must be given up: all streams fail.
  void fail(const Error& error);

 protected:
  // The first thing said: preface, settings, window.
  void announce(std::initializer_list<std::pair<Setting, std::uint32_t>> settings);
  // Starts both coroutines. May end the session.
  void start();

  // A complete header block. `malformed`: the frame it came in was; only the decoder is to be kept right.
  virtual void on_block(const FrameHead& head, std::string_view block, bool malformed) = 0;
  virtual void on_settings() {}
  virtual void on_goaway(std::uint32_t last, Code code) = 0;
  virtual void on_ping_ack(std::string_view opaque) = 0;
  // Nothing came for as long as read_deadline() said.
  virtual void on_silence() = 0;
  virtual Nanos read_deadline() const = 0;
  // Before the connection is ended for it.
  virtual void on_abuse(http::Abuse reason) = 0;
  virtual void on_broken(Rule rule) = 0;
  virtual void on_priority_update(std::uint32_t /*stream*/, std::string_view /*value*/) {}
  // The last call: destroys the session.
  virtual void ended() = 0;

  void add(Stream& stream);
  // Its exchange is over. May end the session.
  void remove(Stream& stream);
  Stream* find(std::uint32_t id) const;
  const std::vector<Stream*>& streams() const { return streams_; }

  // A stream error (RFC 9113 §5.4.2): the peer broke `rule`.
  void stream_error(std::uint32_t id, Code code, Rule rule);
  // A connection error (§5.4.1): GOAWAY, then the end. None: no rule was broken, it takes too long.
  void connection_error(Code code, Rule rule);
  void end_abuse(http::Abuse reason);
  void send_goaway(std::uint32_t last, Code code);
  void send_ping(std::string_view opaque);
  // Sends what is left, then ends; no stream may be open.
  void close();

  // Keeps the session from ending although it has no stream.
  void hold() { ++holds_; }
  void let_go() {
    --holds_;
    maybe_end();
  }

  bool alive() const { return !closing_ && !dead_; }
  Side peer() const { return role_ == Role::server ? Side::downstream : Side::upstream; }
  bool take_reset_token();
  bool take_control_token();
  void end_well() { resets_.put_back(); }
  void refuse_stream(std::uint32_t id);
  // One that does not count; what comes for it is read away.
  void pass_over(std::uint32_t id);
  // END_STREAM has come.
  void end_received(Stream& stream);
  // Whether a stream of that id is over, and by whose doing; only the last ones are remembered.
  std::optional<bool> closed_by_us(std::uint32_t id) const;
  // When the header block began that is still under way; 0: none is.
  Nanos block_since() const { return block_ != nullptr ? block_since_ : 0; }
  bool partial_frame() const { return !in_.empty(); }
  const RoundTrip& round_trip() const { return round_trip_; }
  // When the rest of a partial frame must have come; `head_time` is what a header block has.
  Nanos partial_deadline(Nanos head_time) const;

  HpackDecoder decoder_;
  SessionLimits limits_;
  std::uint32_t last_stream_ = 0;  // the highest that was opened, by the peer or, towards a server, by us
  std::uint32_t last_served_ = 0;  // of the peer's: the highest that counts
  std::uint32_t peer_streams_ = UINT32_MAX;  // what it allows us to open
  bool peer_connect_protocol_ = false;
  bool got_settings_ = false;
  Nanos last_read_ = 0;  // when bytes last came

 private:
  friend class Stream;
  struct Output;
  struct Paused;

  // Reading.
  Detached read_all();
  bool take_frames();
  bool take_preface();
  void take_frame(const FrameHead& head, std::string_view payload);
  void on_data(const FrameHead& head, std::string_view payload);
  void on_headers(const FrameHead& head, std::string_view payload);
  void on_continuation(const FrameHead& head, std::string_view payload);
  void on_priority(const FrameHead& head, std::string_view payload);
  void on_reset(const FrameHead& head, std::string_view payload);
  void on_settings_frame(const FrameHead& head, std::string_view payload);
  bool apply_setting(Setting setting, std::uint32_t value);
  bool move_windows(std::int64_t difference);
  void on_ping(const FrameHead& head, std::string_view payload);
  void on_goaway_frame(const FrameHead& head, std::string_view payload);
  void on_window_update(const FrameHead& head, std::string_view payload);
  void on_priority_update_frame(const FrameHead& head, std::string_view payload);
  void data_on_closed(std::uint32_t id, std::uint32_t bytes);
  bool idle(std::uint32_t id) const;
  static bool strip_padding(const FrameHead& head, std::string_view& payload);
  void credit(std::uint32_t bytes);
  void end_round();
  Task<void> linger();

  // Writing.
  Detached write_all();
  Task<Error> flush();
  void resume_reading();
  void schedule();
  char* append(std::size_t bytes);
  // A frame that is put together in place. Others' frames wait until it is whole: those of bodies on this
  // very connection that are told of room while they are read.
  char* begin_frame(std::size_t most);
  void end_frame(std::size_t bytes);
  void append_frame(const FrameHead& head, std::string_view payload);
  void pump();
  Stream* next_to_send();
  bool may_send(const Stream& stream) const;
  bool has_room() const { return out_.size() < kEnough; }
  void drop_turn(Stream& stream);
  void data_sent(std::size_t bytes, bool cut);
  void send_stalled(Stream& stream);

  void maybe_end();
  void lose_all(const Error& error, Stream::Gone how);
  void give_up(Code code, Rule rule);

  // The connection's window is opened again in steps of this many bytes.
  static constexpr std::int64_t kCreditStep = 1024 * 1024;
  // A DATA frame that earns back what it costs to ask for it; less is only paid for when there was no more to
  // send.
  static constexpr std::size_t kSubstance = 256;
  // In streams that end well: so many of them earn one reset.
  static constexpr std::uint32_t kResetCost = 4;
  // What is gathered for one write; a little over it is normal.
  static constexpr std::size_t kEnough = 48 * 1024;
  // Answers of ours that the peer does not read: beyond, we read nothing from it either.
  static constexpr std::size_t kMostUnsent = 128 * 1024;

  std::unique_ptr<net::Transport> transport_;
  HpackEncoder encoder_;
  Buffer in_;
  Buffer out_;
  std::string held_;              // frames that wait for the one being put together
  Output* output_ = nullptr;      // the writer, while it has nothing to do
  Paused* paused_ = nullptr;      // the reader, while too much is unsent
  std::vector<Stream*> streams_;  // by id, ascending
  std::vector<Stream*> ready_;    // those that wait for their turn to send
  LastIds closed_{32};            // by END_STREAM or the peer
  LastIds closed_by_us_;
  std::unique_ptr<std::string> block_;  // a header block under way
  FrameHead block_head_;
  Nanos block_since_ = 0;
  Nanos partial_since_ = 0;  // when the first byte in in_ came
  std::uint32_t continuations_ = 0;
  bool block_malformed_ = false;

  TokenBucket resets_;
  TokenBucket control_;
  std::int64_t send_window_ = kDefaultWindow;
  std::int64_t receive_window_ = kDefaultWindow;
  RoundTrip round_trip_;
  std::int64_t late_ = 0;  // what may still come for streams that we have closed
  std::int64_t peer_initial_window_ = kDefaultWindow;
  std::uint64_t turns_ = 0;
  std::uint32_t holds_ = 0;
  Nanos data_sent_at_ = 0;
  Role role_;
  bool in_frame_ = false;
  bool preface_done_ = false;
  bool closing_ = false;  // nothing but what is in out_ will be sent, nothing that is read counts
  bool dead_ = false;     // the transport is of no more use
  bool reader_done_ = false;
  bool writer_done_ = false;
};

}  // namespace sluice::http2
