#include "origin/toolkit/args.hpp"

#include "origin/toolkit/units.hpp"

#include <fmt/format.h>

namespace sluice::toolkit {

Args::Args(int argc, char** argv, int first) : words_(argv + std::min(first, argc), argv + argc) {}

bool Args::next() {
  if (has_inline_value_) throw UsageError(fmt::format("{} takes no value", name_));
  if (position_ == words_.size()) return false;
  name_ = words_[position_++];
  // Only long options have the '=' form; a bare operand that contains one is left for unknown() to report
  // whole.
  if (const auto equals = name_.find('='); name_.starts_with("--") && equals != std::string_view::npos) {
    inline_value_ = name_.substr(equals + 1);
    name_ = name_.substr(0, equals);
    has_inline_value_ = true;
  }
  return true;
}

std::string_view Args::value() {
  if (has_inline_value_) {
    has_inline_value_ = false;
    return inline_value_;
  }
  if (position_ == words_.size()) throw UsageError(fmt::format("{} needs a value", name_));
  return words_[position_++];
}

std::uint64_t Args::number(std::uint64_t least) {
  const auto text = value();
  const auto parsed = parse_number(text);
  if (!parsed || *parsed < least) reject(text, fmt::format("a whole number, at least {}", least));
  return *parsed;
}

std::uint64_t Args::size() {
  const auto text = value();
  const auto parsed = parse_size(text);
  if (!parsed) reject(text, "a size such as 100, 16KiB or 1MiB");
  return *parsed;
}

std::chrono::nanoseconds Args::duration() {
  const auto text = value();
  const auto parsed = parse_duration(text);
  if (!parsed) reject(text, "a duration such as 250ms, 5s or 2m");
  return *parsed;
}

bool Args::yes_or_no() {
  const auto text = value();
  if (text != "yes" && text != "no") reject(text, "yes or no");
  return text == "yes";
}

void Args::unknown() const {
  throw UsageError(
      fmt::format("{} {}", name_.starts_with('-') ? "unknown option" : "unexpected argument", name_));
}

void Args::reject(std::string_view value, std::string_view expected) const {
  throw UsageError(fmt::format("{}: \"{}\" is not {}", name_, value, expected));
}

}  // namespace sluice::toolkit
