// What all header blocks have in common: the loop over their fields, the limits, and the rules for ordinary
// fields.
#pragma once

#include "sluice/http/syntax.hpp"

#include "http2/head.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sluice::http2 {

// Beyond this many times the limit, and this many bytes, it is no mistake any more, RFC 9113 §10.5.1.
inline constexpr std::uint64_t kBomb = 4;
inline constexpr std::uint64_t kLeastBomb = 128 * 1024;
// Crumbs of a cookie for each field that a head may have; browsers send at most 180.
inline constexpr std::uint32_t kCrumbs = 4;
// What HTTP/1 writes around a field.
inline constexpr std::uint64_t kFieldCost = 4;

inline BlockResult refused(Rule rule, Side side = Side::downstream) {
  return {Block::refused, broken(rule, side)};
}
inline BlockResult malformed(Rule rule, Side side = Side::downstream) {
  return {Block::malformed, broken(rule, side)};
}

inline bool valid_value(std::string_view value) {
  if (value.empty()) return true;
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const char* const end = value.data() + value.size();
  return http::end_of_value(value.data(), end) == end && !blank(value.front()) && !blank(value.back());
}

// What holds for every ordinary field.
inline Rule plain_rule(const HpackField& field) {
  if (field.name.empty() || !http::all_of(field.name, http::kLowerName)) {
    const bool token = !field.name.empty() && http::all_of(field.name, http::kToken);
    return token ? Rule::name_case : Rule::field_name;
  }
  if (!valid_value(field.value)) return Rule::field_value;
  return connection_specific(field.id) ? Rule::connection_field : Rule::none;
}

// What all blocks have in common: the loop over the fields, the limits, the rules for ordinary fields. A
// sink takes what is left: pseudo(field) and regular(field) answer the rule that is broken;
// too_large(field) is told of the one that passed the limit. The errors are those of `Sink::kSide`.
template <class Sink>
BlockResult read_block(HpackDecoder& decoder, std::string_view block, const http::HeadLimits& limits,
                       Arena& arena, Sink& sink) {
  decoder.begin(block);
  const std::uint64_t bomb = std::max(limits.bytes * kBomb, kLeastBomb);
  Rule broken_rule = Rule::none;
  Rule too_large = Rule::none;
  bool seen_regular = false;
  std::uint64_t size = 0;
  std::uint32_t count = 0;
  std::uint32_t crumbs = 0;
  HpackField field;
  for (;;) {
    const bool keep = broken_rule == Rule::none && too_large == Rule::none;
    const HpackDecoder::Status status = decoder.next(keep ? &arena : nullptr, field);
    if (status == HpackDecoder::Status::error) return {Block::compression, {}};
    if (status == HpackDecoder::Status::end) break;
    size += field.name_size + field.value_size + kFieldCost;
    if (size > bomb) return {Block::bomb, {}};
    if (!keep) continue;
    if (size > limits.bytes) {
      too_large = Rule::head_size;
      sink.too_large(field);
      continue;
    }
    if (field.name.starts_with(':')) {
      broken_rule = seen_regular ? Rule::pseudo_order : sink.pseudo(field);
      continue;
    }
    seen_regular = true;
    // Crumbs of one cookie are one field (RFC 9113 §8.2.3), but there is an end to what one can be made of.
    if (++(field.id == http::FieldId::cookie ? crumbs : count) >
        limits.fields * (field.id == http::FieldId::cookie ? kCrumbs : 1)) {
      too_large = Rule::field_count;
    }
    broken_rule = plain_rule(field);
    if (broken_rule == Rule::none) broken_rule = sink.regular(field);
  }
  if (broken_rule != Rule::none) return malformed(broken_rule, Sink::kSide);
  return too_large != Rule::none ? refused(too_large, Sink::kSide) : BlockResult{};
}

// Once only, and not empty.
inline Rule set_once(std::string_view& slot, std::string_view value) {
  if (slot.data() != nullptr) return Rule::pseudo_twice;
  if (value.empty()) return Rule::pseudo_empty;
  if (!valid_value(value)) return Rule::field_value;
  slot = value;
  return Rule::none;
}

}  // namespace sluice::http2
