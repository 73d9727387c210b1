// HTTP/2 as a client (RFC 9113), by libnghttp2: many streams at a time.
#pragma once

#include "loadgen/outbox.hpp"
#include "loadgen/protocol.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace sluice::bench {

class Http2 final : public Protocol {
 public:
  // At most `streams` requests at a time; a server that allows fewer makes the others wait. `window` is how
  // much of each answer may be under way, in bytes.
  Http2(Outbox& outbox, Listener& listener, bool keep_alive, std::uint32_t streams, std::uint32_t window);

  bool accepts() const override { return !draining_ && !free_.empty(); }
  bool over() const override { return draining_; }
  unsigned in_flight() const override { return static_cast<unsigned>(streams_.size() - free_.size()); }
  void send(Token token, const Ask& ask) override;
  void flush() override;
  void receive(std::string_view input) override;
  std::uint64_t discardable() const override { return 0; }
  void discarded(std::uint64_t /*bytes*/) override {}
  void end(bool properly) override;
  void cancel(Token token, Failure failure) override;

 private:
  struct Stream {
    std::int32_t id = 0;  // 0: free
    Token token = 0;
    unsigned status = 0;
    bool has_head = false;  // of the final answer
    bool reset_by_server = false;
    std::optional<Failure> given_up;
    std::string_view body_left;
  };
  struct Free {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t flags, void* self);
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void* self);
  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void* self);
  void make_session(std::uint32_t window);
  static Outcome outcome_of(const Stream& stream, std::uint32_t error_code);
  void finish(Stream& stream, const Outcome& outcome);
  void fail_all(std::optional<Failure> before_head);

  Outbox& outbox_;
  Listener& listener_;
  bool keep_alive_;
  bool draining_ = false;
  std::vector<Stream> streams_;
  std::vector<Stream*> free_;
  std::vector<nghttp2_nv> fields_;  // its storage serves every request
  std::string varied_;
  std::string out_;
  std::unique_ptr<nghttp2_session, Free> session_;
};

}  // namespace sluice::bench
