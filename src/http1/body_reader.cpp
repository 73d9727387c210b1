#include "http1/body_reader.hpp"

#include <algorithm>

namespace sluice::http1 {

using http::BodyStep;
using http::Framing;
namespace {

// Of a client that takes nothing the kernel holds no more than this for us, beside its socket buffers.
constexpr std::uint64_t kMostInPipe = 512 * 1024;

}  // namespace

void BodyReader::start(net::Transport& transport, Buffer& buffer, Arena& arena, Framing framing,
                       std::uint64_t length, Side side) {
  transport_ = &transport;
  buffer_ = &buffer;
  arena_ = &arena;
  decoder_ = ChunkDecoder{};
  error_ = {};
  left_ = length;
  bytes_ = 0;
  framing_ = framing;
  side_ = side;
  eof_ = stopped_ = splicing_ = false;
  finished_ = framing == Framing::none || (framing == Framing::length && length == 0);
}

BodyStep BodyReader::fail(ErrorKind kind, int cause) {
  error_ = Error{.kind = kind, .side = side_, .cause = cause};
  return BodyStep::failed;
}

BodyStep BodyReader::fail(Rule rule) {
  error_ = broken(rule, side_);
  return BodyStep::failed;
}

BodyStep BodyReader::deliver(std::size_t bytes) {
  bytes_ += bytes;
  if (most_ != 0 && bytes_ > most_) return fail(Rule::body_size);
  return BodyStep::data;
}

BodyStep BodyReader::poll(std::string_view& piece) {
  splicing_ = false;
  if (error_) return BodyStep::failed;
  if (finished_) return BodyStep::end;
  if (framing_ == Framing::chunked) {
    switch (decoder_.decode(*buffer_, *arena_, piece)) {
      case BodyStep::data: return deliver(piece.size());
      case BodyStep::end: finished_ = true; return BodyStep::end;
      case BodyStep::failed: return fail(decoder_.rule());
      case BodyStep::wait: return eof_ ? fail(Rule::body_cut) : BodyStep::wait;
    }
  }
  if (buffer_->empty()) {
    if (!eof_) return BodyStep::wait;
    if (framing_ == Framing::length) return fail(Rule::body_cut);
    finished_ = true;
    return BodyStep::end;
  }
  std::size_t size = buffer_->size();
  if (framing_ == Framing::length) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
    left_ -= size;
    finished_ = left_ == 0;
  }
  piece = buffer_->view().substr(0, size);
  buffer_->consume(size);
  return deliver(piece.size());
}

std::uint64_t BodyReader::spliceable() const {
  const bool plain = framing_ == Framing::length && buffer_->empty() && transport_->ssl() == nullptr;
  return plain && !error_ && !eof_ ? left_ : 0;
}

BodyStep BodyReader::splice(Pipe& pipe) {
  splicing_ = true;
  if (error_) return BodyStep::failed;
  if (finished_) return BodyStep::end;
  const net::IoResult got =
      transport_->read_into(pipe, static_cast<std::size_t>(std::min(left_, kMostInPipe)));
  switch (got.status) {
    case net::IoStatus::would_block: return BodyStep::wait;
    case net::IoStatus::eof: eof_ = true; return fail(Rule::body_cut);
    case net::IoStatus::error: return fail(ErrorKind::reset, got.cause);
    case net::IoStatus::ok: break;
  }
  left_ -= got.bytes;
  finished_ = left_ == 0;
  return deliver(got.bytes);
}

void BodyReader::take_result(const net::IoResult& got) {
  if (got.status == net::IoStatus::ok) buffer_->commit(got.bytes);
  if (got.status == net::IoStatus::eof) eof_ = true;
  if (got.status == net::IoStatus::error) fail(ErrorKind::reset, got.cause);
}

Task<void> BodyReader::fill() {
  filling_ = true;
  while (!error_ && !eof_ && !stopped_) {
    if (splicing_) {
      buffer_->release();
      const ErrorKind waited = co_await transport_->readable(transport_->loop().now() + stall_);
      if (waited != ErrorKind::none) fail(waited);
      break;
    }
    const bool large = framing_ == Framing::length ? left_ > Buffer::kSmall : bytes_ > Buffer::kSmall;
    buffer_->reserve(std::max(large ? Buffer::kLarge : Buffer::kSmall, buffer_->size() + 1024));
    const net::IoResult got = transport_->read(buffer_->room());
    take_result(got);
    if (got.status != net::IoStatus::would_block) break;
    if (buffer_->empty()) buffer_->release();
    const ErrorKind waited = co_await transport_->readable(transport_->loop().now() + stall_);
    if (waited != ErrorKind::none) {
      fail(waited);
      break;
    }
  }
  filling_ = false;
  if (stopped_ && !error_) fail(ErrorKind::cancelled);
}

void BodyReader::stop() {
  if (!filling_) {
    if (!finished_) fail(ErrorKind::cancelled);
    return;
  }
  stopped_ = true;
  transport_->nudge();  // this wait alone: whatever cancels the transport is for good
}

}  // namespace sluice::http1
