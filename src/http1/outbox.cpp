#include "http1/outbox.hpp"

#include "sluice/base/decimal.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace sluice::http1 {

using http::Field;
using http::Framing;

Outbox& Outbox::fresh() {
  thread_local Outbox outbox;
  outbox.size_ = outbox.count_ = outbox.bytes_ = 0;
  return outbox;
}

void Outbox::grow(std::size_t bytes) {
  constexpr std::size_t kLeast = 4096;
  const std::size_t capacity = std::max({kLeast, capacity_ * 2, size_ + bytes});
  std::unique_ptr<char[]> larger(new char[capacity]);
  if (size_ != 0) std::memcpy(larger.get(), scratch_.get(), size_);
  scratch_ = std::move(larger);
  capacity_ = capacity;
}

void Outbox::piece(std::string_view bytes) {
  // Below this a copy is cheaper than one more piece for the kernel to walk.
  constexpr std::size_t kCopy = 256;
  if (bytes.size() <= kCopy) return text(bytes);
  parts_[count_++] = {bytes.data(), 0, bytes.size()};
  bytes_ += bytes.size();
}

void Outbox::chunk(std::string_view bytes) {
  char size[16];
  const auto [end, error] = std::to_chars(size, size + sizeof size, bytes.size(), 16);
  text(std::string_view(size, static_cast<std::size_t>(end - size)), "\r\n");
  piece(bytes);
  text("\r\n");
}

void Outbox::last_chunk(const http::Fields& trailers, std::string_view own_field) {
  text("0\r\n");
  for (const Field& trailer : trailers.all()) {
    if (trailer.dropped || (!own_field.empty() && http::same_variable(trailer.name, own_field))) continue;
    field(trailer.name, trailer.value);
  }
  text("\r\n");
}

// Lines that stand in memory one behind the other, as they came, are copied as one text.
void Outbox::fields(const http::Fields& all) {
  std::string_view lines;
  for (const Field& item : all.all()) {
    if (item.dropped) continue;
    if (item.form == http::FieldForm::parts) {
      text(std::exchange(lines, {}));
      field(item.name, item.value);
      continue;
    }
    const char* const end = item.value.data() + item.value.size() + 2;
    const std::string_view line(item.name.data(), static_cast<std::size_t>(end - item.name.data()));
    if (line.data() == lines.data() + lines.size()) {
      lines = {lines.data(), lines.size() + line.size()};
    } else {
      text(std::exchange(lines, line));
    }
  }
  text(lines);
}

void Outbox::content_length(std::uint64_t length) {
  text("Content-Length: ", Decimal(length).view(), "\r\n");
}

void Outbox::request_head(const http::RequestHead& head, std::string_view default_host) {
  text(head.method_text, " ", head.target, " HTTP/1.1\r\n");
  if (!head.fields.has(http::FieldId::host))
    field("Host", head.authority.empty() ? default_host : head.authority);
  fields(head.fields);
  if (!head.upgrade.empty()) {
    field("Connection", "upgrade");
    field("Upgrade", head.upgrade);
  }
  if (head.framing == Framing::chunked) field("Transfer-Encoding", "chunked");
  if (head.framing == Framing::length) content_length(head.length);
  text("\r\n");
}

void Outbox::response_head(const http::ResponseHead& head, Framing framing, std::string_view connection) {
  text("HTTP/1.1 ", Decimal(head.status).view(), " ", head.reason, "\r\n");
  fields(head.fields);
  if (!connection.empty()) field("Connection", connection);
  if (framing == Framing::chunked) field("Transfer-Encoding", "chunked");
  if (framing == Framing::length) content_length(head.length);
  text("\r\n");
}

Error Outbox::flush(net::Transport& transport, bool& done, Unsent& rest) {
  std::array<iovec, kMost> pieces;
  for (std::size_t i = 0; i < count_; ++i) {
    const Part& part = parts_[i];
    // write() takes what POSIX's iovec cannot call const.
    char* data = part.outside != nullptr ? const_cast<char*>(part.outside) : scratch_.get() + part.offset;
    pieces[i] = {data, part.size};
  }
  std::span<iovec> left(pieces.data(), count_);
  const net::IoResult sent = transport.write(left);
  done = sent.status == net::IoStatus::ok;
  if (done) return {};
  if (sent.status == net::IoStatus::error) return {.kind = ErrorKind::reset, .cause = sent.cause};
  rest.text.assign(scratch_.get(), scratch_.get() + size_);
  rest.pieces.assign(left.begin(), left.end());
  for (iovec& piece : rest.pieces) {
    const char* data = static_cast<const char*>(piece.iov_base);
    if (data < scratch_.get() || data >= scratch_.get() + size_) continue;
    piece.iov_base = rest.text.data() + (data - scratch_.get());
  }
  return {};
}

}  // namespace sluice::http1
