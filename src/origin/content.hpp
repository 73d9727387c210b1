// What an answer carries: a text, or any amount of the pattern, of which nothing is ever stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::origin {

class Content {
 public:
  static Content of_text(std::string text, std::string_view type) { return {std::move(text), 0, type}; }
  static Content of_json(std::string text) { return of_text(std::move(text), "application/json"); }
  // `bytes` bytes of which the one at offset i is 33 + i % 89: printable, and because 89 is prime a block
  // that was lost, doubled or swapped on the way shows.
  static Content of_pattern(std::uint64_t bytes) { return {{}, bytes, "text/plain"}; }

  std::uint64_t size() const { return pattern_ > 0 ? pattern_ : text_.size(); }
  std::string_view type() const { return type_; }

  // Up to `most` bytes from `offset` on; fewer where the storage ends, none only at the end. Valid as long as
  // the content is.
  std::string_view piece(std::uint64_t offset, std::uint64_t most) const;

 private:
  Content(std::string text, std::uint64_t pattern, std::string_view type)
      : text_(std::move(text)), pattern_(pattern), type_(type) {}

  std::string text_;
  std::uint64_t pattern_;
  std::string_view type_;
};

}  // namespace sluice::origin
