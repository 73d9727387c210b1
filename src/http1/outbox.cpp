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

void Outbox::text(std::string_view bytes) {
  const bool grows = count_ != 0 && parts_[count_ - 1].outside == nullptr;
  if (!grows) parts_[count_++] = {nullptr, size_, 0};
  if (!bytes.empty()) std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  size_ += bytes.size();
  parts_[count_ - 1].size += bytes.size();
  bytes_ += bytes.size();
}

void Outbox::number(std::uint64_t value) { text(Decimal(value).view()); }

void Outbox::piece(std::string_view bytes) {
  // Below this a copy is cheaper than one more piece for the kernel to walk.
  constexpr std::size_t kCopy = 256;
  if (bytes.size() <= kCopy) return text(bytes);
  parts_[count_++] = {bytes.data(), 0, bytes.size()};
  bytes_ += bytes.size();
}

void Outbox::chunk(std::string_view bytes) {
  char line[24];
  const auto [end, error] = std::to_chars(line, line + sizeof line - 2, bytes.size(), 16);
  std::memcpy(end, "\r\n", 2);
  text({line, static_cast<std::size_t>(end - line) + 2});
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

void Outbox::field(std::string_view name, std::string_view value) {
  const std::size_t size = name.size() + value.size() + 4;
  char* to = room(size);
  std::memcpy(to, name.data(), name.size());
  to += name.size();
  *to++ = ':';
  *to++ = ' ';
  if (!value.empty()) std::memcpy(to, value.data(), value.size());
  to += value.size();
  *to++ = '\r';
  *to = '\n';
  size_ += size;
  // Only after text(): the last part is in the scratch.
  parts_[count_ - 1].size += size;
  bytes_ += size;
}

void Outbox::fields(const http::Fields& all) {
  for (const Field& item : all.all()) {
    if (!item.dropped) field(item.name, item.value);
  }
}

void Outbox::request_head(const http::RequestHead& head, std::string_view default_host) {
  text(head.method_text);
  text(" ");
  text(head.target);
  text(" HTTP/1.1\r\n");
  if (!head.fields.has(http::FieldId::host))
    field("Host", head.authority.empty() ? default_host : head.authority);
  fields(head.fields);
  if (!head.upgrade.empty()) {
    field("Connection", "upgrade");
    field("Upgrade", head.upgrade);
  }
  if (head.framing == Framing::chunked) field("Transfer-Encoding", "chunked");
  if (head.framing == Framing::length) {
    text("Content-Length: ");
    number(head.length);
    text("\r\n");
  }
  text("\r\n");
}

void Outbox::response_head(const http::ResponseHead& head, Framing framing, std::string_view connection) {
  text("HTTP/1.1 ");
  number(head.status);
  text(" ");
  text(head.reason);
  text("\r\n");
  fields(head.fields);
  if (!connection.empty()) field("Connection", connection);
  if (framing == Framing::chunked) field("Transfer-Encoding", "chunked");
  if (framing == Framing::length) {
    text("Content-Length: ");
    number(head.length);
    text("\r\n");
  }
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
  if (sent.status == net::IoStatus::error) return {ErrorKind::reset, Side::internal, sent.cause};
  rest.text.assign(scratch_.get(), size_);
  rest.pieces.assign(left.begin(), left.end());
  for (iovec& piece : rest.pieces) {
    const char* data = static_cast<const char*>(piece.iov_base);
    if (data < scratch_.get() || data >= scratch_.get() + size_) continue;
    piece.iov_base = rest.text.data() + (data - scratch_.get());
  }
  return {};
}

}  // namespace sluice::http1
