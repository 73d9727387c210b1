#include "loadgen/response.hpp"

#include "origin/toolkit/http_text.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>

namespace sluice::bench {

using toolkit::same_token;

void ResponseReader::start(bool to_head_request) {
  state_ = State::head;
  to_head_request_ = to_head_request;
  status_ = 0;
  partial_head_.clear();
}

void ResponseReader::feed(std::string_view& input) {
  if (state_ == State::head) {
    if (partial_head_.empty()) {
      std::string_view rest = input;
      if (take_head(rest)) {
        input = rest;
      } else {
        partial_head_ = input;
        input = {};
      }
    } else {
      // Rare: the head came in pieces. What lies behind its end still has to be read from `input`.
      const std::size_t had = partial_head_.size();
      partial_head_ += input;
      std::string_view rest = partial_head_;
      const bool complete = take_head(rest);
      input.remove_prefix(complete ? partial_head_.size() - rest.size() - had : input.size());
    }
    if (partial_head_.size() > max_head) state_ = State::broken;
  }
  if (state_ == State::length) {
    const auto taken = std::min<std::uint64_t>(remaining_, input.size());
    input.remove_prefix(taken);
    discarded(taken);
  } else if (state_ == State::chunked) {
    while (!chunks_.next(input).empty()) {
    }
    if (chunks_.done()) state_ = State::done;
    if (chunks_.broken()) state_ = State::broken;
  } else if (state_ == State::until_close) {
    input = {};
  }
}

bool ResponseReader::take_head(std::string_view& input) {
  for (;;) {
    const auto end = input.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    std::string_view head = input.substr(0, end + 2);
    input.remove_prefix(end + 4);
    std::string_view line;
    toolkit::next_line(head, line);
    if (!read_status_line(line) || !read_fields(head)) {
      state_ = State::broken;
      return true;
    }
    // 1xx precedes the answer proper; 101 would end HTTP, which was not asked for.
    if (status_ >= 200) break;
    if (status_ == 101) {
      state_ = State::broken;
      return true;
    }
  }
  choose_framing();
  return true;
}

bool ResponseReader::read_status_line(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  const auto status = toolkit::parse_number(line.substr(9, 3));
  if (!status || *status < 100) return false;
  status_ = static_cast<unsigned>(*status);
  keep_alive_ = line[7] != '0';
  return true;
}

bool ResponseReader::read_fields(std::string_view fields) {
  is_chunked_ = false;
  has_length_ = false;
  remaining_ = 0;
  std::string_view line;
  while (toolkit::next_line(fields, line)) {
    const auto field = toolkit::split_field(line);
    if (!field) return false;
    if (same_token(field->name, "content-length")) {
      const auto length = toolkit::parse_number(field->value);
      if (!length) return false;
      remaining_ = *length;
      has_length_ = true;
    } else if (same_token(field->name, "transfer-encoding")) {
      is_chunked_ = toolkit::list_has(field->value, "chunked");
    } else if (same_token(field->name, "connection")) {
      if (toolkit::list_has(field->value, "close")) keep_alive_ = false;
      if (toolkit::list_has(field->value, "keep-alive")) keep_alive_ = true;
    }
  }
  return true;
}

void ResponseReader::choose_framing() {
  if (to_head_request_ || status_ == 204 || status_ == 304) {
    state_ = State::done;
  } else if (is_chunked_) {
    chunks_ = {};
    state_ = State::chunked;
  } else if (has_length_) {
    state_ = remaining_ == 0 ? State::done : State::length;
  } else {
    keep_alive_ = false;
    state_ = State::until_close;
  }
}

}  // namespace sluice::bench
