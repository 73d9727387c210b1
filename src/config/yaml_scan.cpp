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
    while (at_ < end_ && !out_.quote && !out_.mismatch)
      step();
    return std::move(out_);
  }

 private:
  char now() const { return text_[at_]; }
  char next() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\n'; }

  void step() {
    const char c = now();
    if (c == '\n') {
      token_start_ = true;
      if (block_scalar_) skip_block_scalar();
      line_ = ++at_;
      if (!out_.open.empty() && begins_key_outside()) end_ = at_;
      return;
    }
    if (c == '#' && (at_ == line_ || kBlank.find(text_[at_ - 1]) != std::string_view::npos)) {
      at_ = std::min(text_.find('\n', at_), end_);
      return;
    }
    if (kBlank.find(c) != std::string_view::npos) {
      ++at_;
    } else if ((c == '"' || c == '\'') && token_start_) {
      quote(c);
    } else {
      plain(c);
    }
  }

  void plain(char c) {
    const bool inside = !out_.open.empty();
    if (inside && c == '$' && next() == '{') return variable();
    if ((c == '[' || c == '{') && (inside || token_start_)) return open(c);
    if (inside && (c == ']' || c == '}')) return close(c);
    const bool blank_follows = kBlank.find(next()) != std::string_view::npos || next() == '\n';
    block_scalar_ = !inside && token_start_ && (c == '|' || c == '>');
    token_start_ =
        ((c == ':' || (c == '-' && token_start_)) && blank_follows) || (inside && (c == ',' || c == ':'));
    ++at_;
  }

  void open(char c) {
    if (out_.open.empty()) flow_indent_ = indent_of(line_);
    out_.open.push_back({c, at_++});
    token_start_ = true;
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
  }

  void variable() {
    if (!out_.variable || *out_.variable < line_) out_.variable = at_;
    const std::size_t close = text_.find_first_of("}\n", at_);
    at_ = close < end_ && text_[close] == '}' ? close + 1 : at_ + 2;
    token_start_ = false;
  }

  void quote(char c) {
    const std::size_t begin = at_++;
    while (at_ < text_.size()) {
      if (c == '"' && now() == '\\') {
        at_ += 2;
      } else if (now() != c) {
        ++at_;
      } else if (c == '\'' && next() == c) {
        at_ += 2;
      } else {
        break;
      }
    }
    at_ = std::min(at_, text_.size());
    if (at_ == text_.size() || more_follows()) {
      out_.quote = Quote{begin, at_};
      return;
    }
    ++at_;
    token_start_ = false;
  }

  // Behind the closing quote.
  bool more_follows() const {
    const std::size_t after = text_.find_first_not_of(kBlank, at_ + 1);
    return after != std::string_view::npos &&
           std::string_view(",]}:#\n").find(text_[after]) == std::string_view::npos;
  }

  std::size_t indent_of(std::size_t line) const {
    return std::min(text_.find_first_not_of(' ', line), text_.size()) - line;
  }

  // A line that looks like a key beside, or outside, the one that the brackets belong to.
  bool begins_key_outside() const {
    const std::string_view line = text_.substr(at_, text_.find('\n', at_) - at_);
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view rest = line.substr(indent);
    const auto word = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(),
                         [](char c) { return is_alnum(c) || c == '_' || c == '-'; }) -
        rest.begin());
    const bool key = word != 0 && word < rest.size() && rest[word] == ':';
    return indent <= flow_indent_ && (key || rest.starts_with("- "));
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
  bool block_scalar_ = false;
  YamlScan out_;
};

}  // namespace

YamlScan scan_yaml(std::string_view text, std::size_t limit) { return Scanner(text, limit).run(); }

}  // namespace sluice::config
