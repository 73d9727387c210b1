#include "config/yaml_scan.hpp"

#include "config/text.hpp"

#include <algorithm>

namespace sluice::config {
namespace {

constexpr std::string_view kBlank = " \t\r";

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t limit)
      : text_(text), end_(std::min(text.find('\n', std::min(limit, text.size())), text.size())) {}

  YamlScan run() {
    while (at_ < end_ && !out_.quote && !out_.mismatch && !out_.slip)
      step();
    out_.to_end = end_ == text_.size();
    return std::move(out_);
  }

 private:
  char now() const { return text_[at_]; }
  char next() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\n'; }

  void step() {
    const char c = now();
    if (c == '\n') {
      token_start_ = key_place_ = true;
      if (block_scalar_) skip_block_scalar();
      line_ = ++at_;
      if (!out_.open.empty() && begins_entry(text_, at_, flow_indent_)) end_ = at_;
      return;
    }
    if (c == '#' && (at_ == line_ || kBlank.find(text_[at_ - 1]) != std::string_view::npos)) {
      at_ = std::min(text_.find('\n', at_), end_);
      return;
    }
    if (kBlank.find(c) != std::string_view::npos) {
      ++at_;
    } else if ((c == '"' || c == '\'') && token_start_) {
      quote();
    } else {
      plain(c);
    }
  }

  // Whether a key may begin here.
  bool at_key() const {
    return token_start_ && key_place_ && (out_.open.empty() || out_.open.back().kind == '{');
  }

  void look_closer() {
    if (at_key() && key_slip(text_, at_)) out_.keys.push_back(at_);
    const bool fresh = !out_.odd || *out_.odd < line_;
    if (fresh && static_cast<unsigned char>(now()) >= 0x80 && odd_character(text_, at_)) out_.odd = at_;
  }

  // Behind a value that has ended; a key without its colon makes the rest of its line look strange.
  void look_behind() {
    const bool doubtful = !out_.keys.empty() && out_.keys.back() >= line_;
    if (!doubtful) out_.slip = end_slip(text_, at_, !out_.open.empty());
  }

  void plain(char c) {
    look_closer();
    const bool inside = !out_.open.empty();
    if (inside && c == '$' && next() == '{') return variable();
    if ((c == '[' || c == '{') && (inside || token_start_)) return open(c);
    if (inside && (c == ']' || c == '}')) return close(c);
    const bool blank_follows = kBlank.find(next()) != std::string_view::npos || next() == '\n';
    block_scalar_ = !inside && token_start_ && (c == '|' || c == '>');
    key_place_ = c != ':' && (key_place_ || c == ',');
    token_start_ =
        ((c == ':' || (c == '-' && token_start_)) && blank_follows) || (inside && (c == ',' || c == ':'));
    ++at_;
  }

  void open(char c) {
    if (out_.open.empty()) flow_indent_ = indent_of(line_);
    out_.open.push_back({c, at_++});
    token_start_ = key_place_ = true;
  }

  void close(char c) {
    const Bracket last = out_.open.back();
    if ((c == ']') != (last.kind == '[')) {
      out_.mismatch = at_;
      return;
    }
    out_.open.pop_back();
    ++at_;
    token_start_ = false;
    const bool goes_on =
        at_ < text_.size() && (is_alnum(now()) || now() == '.' || now() == '-' || now() == '/');
    if (last.kind == '{' && goes_on) out_.bare_brace = last.offset;
    if (last.kind == '[') out_.slip = address_slip(text_, last.offset);
    if (out_.open.empty() && !out_.slip) look_behind();
  }

  void variable() {
    if (!out_.variable || *out_.variable < line_) out_.variable = at_;
    const std::size_t close = text_.find_first_of("}\n", at_);
    at_ = close < end_ && text_[close] == '}' ? close + 1 : at_ + 2;
    token_start_ = false;
  }

  void quote() {
    const Quote quote = quote_at(text_, at_);
    const bool key = at_key() && quote.end != text_.size() && key_slip(text_, at_);
    if (key) out_.keys.push_back(at_);
    const bool value = is_value();
    at_ = quote.end;
    if (runs_away(text_, quote)) {
      out_.quote = quote;
      return;
    }
    ++at_;
    token_start_ = false;
    if (!key) look_behind();
    if (!key && !out_.slip && more_follows(value)) out_.quote = quote;
  }

  // Whether a colon stands before this.
  bool is_value() const {
    const std::size_t before = text_.substr(0, at_).find_last_not_of(" \t\r\n");
    return before != std::string_view::npos && text_[before] == ':';
  }

  // Behind the closing quote.
  bool more_follows(bool value) const {
    const std::size_t after = text_.find_first_not_of(kBlank, at_);
    if (after == std::string_view::npos) return false;
    if (text_[after] != ':') return std::string_view(",]}#\n").find(text_[after]) == std::string_view::npos;
    const char next = after + 1 < text_.size() ? text_[after + 1] : '\n';
    const bool blank_follows = next == '\n' || kBlank.find(next) != std::string_view::npos;
    return value || (out_.open.empty() && !blank_follows);
  }

  std::size_t indent_of(std::size_t line) const {
    return std::min(text_.find_first_not_of(' ', line), text_.size()) - line;
  }

  // Lines that are indented more than the one that began it are text, whatever they look like.
  void skip_block_scalar() {
    block_scalar_ = false;
    const std::size_t indent = indent_of(line_);
    while (at_ < end_) {
      const std::size_t line = at_ + 1;
      const std::size_t first = std::min(line + (line < text_.size() ? indent_of(line) : 0), text_.size());
      const bool blank = first == text_.size() || text_[first] == '\n' || text_[first] == '\r';
      if (!blank && first - line <= indent) return;
      at_ = std::min(text_.find('\n', line), end_);
    }
  }

  std::string_view text_;
  std::size_t end_;
  std::size_t at_ = 0;
  std::size_t line_ = 0;  // where the line at hand begins
  std::size_t flow_indent_ = 0;
  bool token_start_ = true;
  bool key_place_ = true;  // nothing of this entry but its dashes came yet
  bool block_scalar_ = false;
  YamlScan out_;
};

}  // namespace

YamlScan scan_yaml(std::string_view text, std::size_t limit) { return Scanner(text, limit).run(); }

}  // namespace sluice::config
