// What a store answers, read by hiredis: bytes in, replies out. The store is not trusted with our memory: a
// reply is a short text, a number, or a short list of these.
#pragma once

#include "sluice/limits/lease.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace sluice::store {

struct Reply {
  enum class Kind : std::uint8_t { text, error, number, nothing, list };
  Kind kind = Kind::nothing;
  std::string text = {};  // of an error too
  std::int64_t number = 0;
  std::vector<std::string> items = {};  // texts, and numbers in digits
};

class Replies {
 public:
  Replies();
  ~Replies();
  Replies(const Replies&) = delete;
  Replies& operator=(const Replies&) = delete;

  void feed(std::string_view bytes);
  // The next one that is complete. Once failed() nothing comes any more.
  std::optional<Reply> next();
  bool failed() const { return failed_; }

 private:
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader_;
  std::size_t waiting_ = 0;  // bytes of a reply that is not complete
  bool failed_ = false;
};

// What came of an ask; empty where the reply says nothing of the kind.
std::optional<limits::Lease::Answer> answer_of(const Reply& reply, const limits::Lease::Ask& asked);
// How many nodes there are.
std::optional<std::uint32_t> nodes_of(const Reply& reply);

}  // namespace sluice::store
