#include "store/replies.hpp"

#include <charconv>
#include <cmath>
#include <hiredis/read.h>

namespace sluice::store {
namespace {

// What is asked for has two items of some twenty characters, and an error is a line.
constexpr int kMostItems = 8;
constexpr std::size_t kMostText = 1024;
constexpr std::size_t kMostWaiting = 16 * 1024;

// Where hiredis puts a value: a reply of its own, or an item of the list above it. It takes a null pointer
// for "out of memory", and reads on no further.
void* place(const redisReadTask* task, Reply reply) {
  if (task->parent == nullptr) return new Reply(std::move(reply));
  if (reply.kind == Reply::Kind::list) return nullptr;  // a list of lists
  auto* const list = static_cast<Reply*>(task->parent->obj);
  list->items.push_back(reply.kind == Reply::Kind::number ? std::to_string(reply.number)
                                                          : std::move(reply.text));
  return list;
}

void* make_text(const redisReadTask* task, char* text, std::size_t size) {
  if (size > kMostText) return nullptr;
  const auto kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::error : Reply::Kind::text;
  return place(task, {.kind = kind, .text = std::string(text, size)});
}

void* make_list(const redisReadTask* task, int items) {
  if (items > kMostItems) return nullptr;
  return place(task, {.kind = Reply::Kind::list});
}

void* make_number(const redisReadTask* task, long long number) {
  return place(task, {.kind = Reply::Kind::number, .number = number});
}

void* make_nothing(const redisReadTask* task) { return place(task, {}); }

void drop(void* reply) { delete static_cast<Reply*>(reply); }

// It keeps the pointer, and changes nothing behind it.
redisReplyObjectFunctions functions{&make_text, &make_list, &make_number, &make_nothing, &drop};

template <class Number>
std::optional<Number> number_in(const std::string& text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

Replies::Replies() : reader_(redisReaderCreateWithFunctions(&functions), &redisReaderFree) {
  if (reader_ == nullptr) std::abort();
}
Replies::~Replies() = default;

void Replies::feed(std::string_view bytes) {
  waiting_ += bytes.size();
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) failed_ = true;
}

std::optional<Reply> Replies::next() {
  if (failed_) return std::nullopt;
  void* made = nullptr;
  if (redisReaderGetReply(reader_.get(), &made) != REDIS_OK) {
    failed_ = true;
    return std::nullopt;
  }
  waiting_ = reader_->len - reader_->pos;
  if (made == nullptr) {
    failed_ = waiting_ > kMostWaiting;
    return std::nullopt;
  }
  const std::unique_ptr<Reply> reply(static_cast<Reply*>(made));
  return std::move(*reply);
}

std::optional<limits::Lease::Answer> answer_of(const Reply& reply, const limits::Lease::Ask& asked) {
  if (reply.kind != Reply::Kind::list || reply.items.size() != 2) return std::nullopt;
  const auto granted = number_in<std::int64_t>(reply.items[0]);
  const auto taken = number_in<double>(reply.items[1]);
  if (!granted || *granted < 0 || *granted > asked.want) return std::nullopt;
  // As much as the script lets nodes owe, and never a number that arithmetic chokes on.
  if (!taken || !(*taken >= 0) || *taken > 2.0 * static_cast<double>(asked.terms.burst)) return std::nullopt;
  return limits::Lease::Answer{*granted, *taken};
}

std::optional<std::uint32_t> nodes_of(const Reply& reply) {
  constexpr std::int64_t kMost = 1'000'000;
  if (reply.kind != Reply::Kind::number || reply.number < 1 || reply.number > kMost) return std::nullopt;
  return static_cast<std::uint32_t>(reply.number);
}

}  // namespace sluice::store
