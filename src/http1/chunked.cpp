#include "http1/chunked.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>

namespace sluice::http1 {
namespace {

using http::BodyStep;

bool token_char(char c) {
  return is_digit(c) || is_alpha(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// *( ";" name [ "=" ( token / quoted-string ) ] ), without the "bad whitespace" that RFC 9112 §7.1.1 lets a
// sender's mistakes have: parsers disagree about where it ends.
bool valid_extensions(std::string_view text) {
  std::size_t i = 0;
  const auto token = [&] {
    const std::size_t from = i;
    while (i < text.size() && token_char(text[i]))
      ++i;
    return i != from;
  };
  while (i < text.size()) {
    if (text[i++] != ';' || !token()) return false;
    if (i == text.size() || text[i] != '=') continue;
    ++i;
    if (i == text.size() || text[i] != '"') {
      if (!token()) return false;
      continue;
    }
    for (++i; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\' && ++i == text.size()) return false;
      const auto c = static_cast<unsigned char>(text[i]);
      if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    if (i++ == text.size()) return false;
  }
  return true;
}

}  // namespace

BodyStep ChunkDecoder::fail(Rule rule) {
  state_ = State::failed;
  rule_ = rule;
  return BodyStep::failed;
}

Rule ChunkDecoder::take_size_line(std::string_view line) {
  std::size_t digits = 0;
  std::uint64_t size = 0;
  for (; digits < line.size() && hex_value(line[digits]) >= 0; ++digits) {
    if (digits == 15) return Rule::bad_chunk_size;  // 60 bits are enough, and nothing can overflow
    size = size * 16 + static_cast<std::uint64_t>(hex_value(line[digits]));
  }
  if (digits == 0) return Rule::bad_chunk_size;
  const std::string_view extensions = line.substr(digits);
  extension_bytes_ += extensions.size();
  if (extension_bytes_ > kExtensionBudget || !valid_extensions(extensions)) {
    if (extensions.find('\r') != std::string_view::npos) return Rule::bare_cr;
    return extensions.starts_with(';') ? Rule::chunk_extension : Rule::bad_chunk_size;
  }
  left_ = size;
  state_ = size == 0 ? State::trailers : State::data;
  return Rule::none;
}

BodyStep ChunkDecoder::take_size(Buffer& in) {
  const std::string_view bytes = in.view();
  const std::size_t feed = bytes.substr(0, kLongestLine).find('\n');
  const bool whole = feed != std::string_view::npos;
  // What cannot become a size line is refused at once, not when its line ends.
  const std::string_view line = bytes.substr(0, whole ? feed : bytes.size());
  if (!line.empty() && hex_value(line.front()) < 0) return fail(Rule::bad_chunk_size);
  if (!whole) return bytes.size() >= kLongestLine ? fail(Rule::chunk_line) : BodyStep::wait;
  if (!line.ends_with('\r')) return fail(Rule::bare_lf);
  const Rule rule = take_size_line(line.substr(0, line.size() - 1));
  if (rule != Rule::none) return fail(rule);
  in.consume(feed + 1);
  return BodyStep::data;
}

BodyStep ChunkDecoder::take_trailers(Buffer& in, Arena& arena) {
  const auto scan = scanner_.scan(in.view());
  if (scan == HeadScanner::State::malformed) return fail(scanner_.rule());
  const std::size_t size = scan == HeadScanner::State::complete ? scanner_.size() : in.size();
  if (size > kTrailers.bytes) return fail(Rule::trailer_size);
  if (scan == HeadScanner::State::incomplete) return BodyStep::wait;
  const std::string_view section = arena.copy(in.view().substr(0, size));
  in.consume(size);
  if (const Error error = parse_trailers(section, arena, kTrailers, trailers_)) return fail(error.rule);
  state_ = State::done;
  return BodyStep::end;
}

BodyStep ChunkDecoder::decode(Buffer& in, Arena& arena, std::string_view& piece) {
  for (;;) {
    switch (state_) {
      case State::size:
        if (const BodyStep step = take_size(in); step != BodyStep::data) return step;
        break;
      case State::data: {
        if (in.empty()) return BodyStep::wait;
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
        piece = in.view().substr(0, size);
        in.consume(size);
        left_ -= size;
        if (left_ == 0) state_ = State::data_end;
        return BodyStep::data;
      }
      case State::data_end: {
        const std::string_view bytes = in.view();
        if (!bytes.empty() && (bytes[0] != '\r' || (bytes.size() > 1 && bytes[1] != '\n'))) {
          return fail(Rule::chunk_end);
        }
        if (bytes.size() < 2) return BodyStep::wait;
        in.consume(2);
        state_ = State::size;
        break;
      }
      case State::trailers: return take_trailers(in, arena);
      case State::done: return BodyStep::end;
      case State::failed: return BodyStep::failed;
    }
  }
}

}  // namespace sluice::http1
