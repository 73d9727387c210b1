// What can be said of a head before it is whole.
#include "sluice/base/text.hpp"
#include "sluice/http/syntax.hpp"
#include "sluice/http1/head.hpp"

namespace sluice::http1 {

// A line feed at `index`. Incomplete: the head goes on.
inline HeadScanner::State HeadScanner::take_line(const char* begin, std::size_t index) {
  if (index == 0 || begin[index - 1] != '\r') {
    rule_ = Rule::bare_lf;
    return State::malformed;
  }
  if (index > 1 && begin[index - 2] == '\r') {
    rule_ = Rule::bare_cr;
    return State::malformed;
  }
  if (index - line_end_ == 1) {
    size_ = index + 1;
    return State::complete;
  }
  line_end_ = index + 1;
  if (first_line_ == 0) first_line_ = index + 1;
  return State::incomplete;
}

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  const char* const begin = bytes.data();
  std::size_t at = scanned_;
#if defined(__SSE2__)
  // Lines are short: looking for each by itself would cost a call for every thirty bytes.
  const __m128i feed = _mm_set1_epi8('\n');
  for (; bytes.size() - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, feed)));
    for (; mask != 0; mask &= mask - 1) {
      const State state = take_line(begin, at + static_cast<std::size_t>(__builtin_ctz(mask)));
      if (state != State::incomplete) return state;
    }
  }
#endif
  for (; at < bytes.size(); ++at) {
    if (begin[at] != '\n') continue;
    const State state = take_line(begin, at);
    if (state != State::incomplete) return state;
  }
  scanned_ = bytes.size();
  return State::incomplete;
}

namespace {

// Why the byte at `index` cannot stand in a request's first word, or right after it.
[[gnu::cold]] Rule start_rule(std::string_view bytes, std::size_t index) {
  const char c = bytes[index];
  if (index == 0) return c > ' ' && c < 0x7f ? Rule::bad_method : Rule::not_http;
  return c == '\t' || c == '\r' ? Rule::request_line : Rule::bad_method;
}

}  // namespace

Rule check_request_start(std::string_view bytes) {
  // The longest method and its space; what follows may be anything yet.
  for (std::size_t i = 0; i < bytes.size() && i <= http::kLongestMethod; ++i) {
    if (i > 0 && bytes[i] == ' ') return Rule::none;
    if (!http::is(bytes[i], http::kMethod) || (i == 0 && !is_alpha(bytes[i]))) return start_rule(bytes, i);
  }
  return bytes.size() <= http::kLongestMethod ? Rule::none : Rule::bad_method;
}

}  // namespace sluice::http1
