#include "origin/toolkit/chunked.hpp"

#include <algorithm>

namespace sluice::toolkit {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string_view ChunkedDecoder::next(std::string_view& in) {
  while (!in.empty() && !done() && !broken()) {
    if (state_ == State::data) {
      const auto stretch = in.substr(0, std::min<std::uint64_t>(remaining_, in.size()));
      in.remove_prefix(stretch.size());
      remaining_ -= stretch.size();
      if (remaining_ == 0) state_ = State::data_end;
      return stretch;
    }
    const char c = in.front();
    in.remove_prefix(1);
    if (state_ == State::trailer)
      take_trailer(c);
    else
      take_framing(c);
  }
  return {};
}

void ChunkedDecoder::take_framing(char c) {
  if (c == '\r') return;
  if (state_ == State::data_end) {
    state_ = c == '\n' ? State::size : State::broken;
    has_digit_ = false;
    return;
  }
  if (c == '\n') return end_size_line();
  if (state_ == State::extension) return;
  if (const int digit = hex_digit(c); digit >= 0) {
    if (remaining_ >> 60 != 0) {
      state_ = State::broken;
      return;
    }
    remaining_ = remaining_ << 4 | static_cast<unsigned>(digit);
    has_digit_ = true;
    return;
  }
  state_ = has_digit_ && (c == ';' || c == ' ' || c == '\t') ? State::extension : State::broken;
}

void ChunkedDecoder::end_size_line() {
  if (!has_digit_)
    state_ = State::broken;
  else
    state_ = remaining_ == 0 ? State::trailer : State::data;
}

void ChunkedDecoder::take_trailer(char c) {
  if (c == '\r') return;
  if (c == '\n' && trailers_.size() == trailer_line_) {
    state_ = State::done;
    return;
  }
  trailers_ += c;
  if (c == '\n') trailer_line_ = trailers_.size();
  if (trailers_.size() > max_trailers) state_ = State::broken;
}

}  // namespace sluice::toolkit
