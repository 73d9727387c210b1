#include "config/yaml_fault.hpp"

#include "config/text.hpp"
#include "config/yaml_scan.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// One line of the text, without its end.
struct Line {
  std::size_t begin = 0;
  std::string_view text;

  std::size_t indent() const { return std::min(text.find_first_not_of(' '), text.size()); }
  std::string_view content() const { return text.substr(indent()); }
  bool blank() const { return content().empty() || content().front() == '#' || content().front() == '\r'; }
};

class Explainer {
 public:
  Explainer(const YAML::Exception& error, std::string_view text, std::uint32_t file)
      : message_(error.msg), text_(text), file_(file), offset_(offset_of(error.mark)) {
    scan_ = scan_yaml(text, offset_);
  }

  Fault explain() const {
    using Guess = std::optional<Fault> (Explainer::*)() const;
    // What is certain comes before what is likely.
    constexpr Guess kGuesses[] = {&Explainer::tab,
                                  &Explainer::odd,
                                  &Explainer::quote,
                                  &Explainer::key,
                                  &Explainer::slip,
                                  &Explainer::variable,
                                  &Explainer::bare_brace,
                                  &Explainer::brackets,
                                  &Explainer::sign,
                                  &Explainer::alias,
                                  &Explainer::escape,
                                  &Explainer::bare_token,
                                  &Explainer::item_behind_key,
                                  &Explainer::colon,
                                  &Explainer::indentation};
    for (const Guess guess : kGuesses) {
      if (auto fault = (this->*guess)()) return *fault;
    }
    return {position(offset_), "YAML: " + message_};
  }

 private:
  static std::size_t offset_at_line(std::string_view text, int line) {
    std::size_t at = 0;
    for (; line > 0; --line)
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
    return at;
  }

  std::size_t offset_of(const YAML::Mark& mark) const {
    if (mark.line < 0 || text_.empty()) return text_.size();
    return std::min(offset_at_line(text_, mark.line) + static_cast<std::size_t>(mark.column), text_.size());
  }

  Position position(std::size_t offset) const { return position_at(text_, offset, file_); }
  std::string where(std::size_t offset) const {
    const Position at = position(offset);
    return fmt::format("{}:{}", at.line, at.column);
  }
  bool says(std::string_view words) const { return message_.find(words) != std::string::npos; }

  Line line_at(std::size_t offset) const {
    const std::size_t begin =
        text_.substr(0, std::min(offset, text_.size())).rfind('\n') + 1;  // npos + 1 is 0
    return {begin, text_.substr(begin, text_.find('\n', begin) - begin)};
  }

  // The last one before `line` that says anything.
  std::optional<Line> line_before(const Line& line) const {
    for (std::size_t begin = line.begin; begin > 0;) {
      const Line before = line_at(begin - 1);
      if (!before.blank()) return before;
      begin = before.begin;
    }
    return std::nullopt;
  }

  std::optional<Fault> tab() const {
    Line line = line_at(offset_);
    if (line.blank()) line = line_before(line).value_or(line);
    const std::size_t end = std::min(line.text.find_first_not_of(" \t"), line.text.size());
    const std::size_t tab = line.text.substr(0, end).find('\t');
    if (tab == std::string_view::npos || !scan_.open.empty()) return std::nullopt;
    return Fault{position(line.begin + tab), "a tab in the indentation; indent with spaces"};
  }

  std::optional<Fault> quote() const {
    if (!scan_.quote) return std::nullopt;
    return quote_fault(*scan_.quote, text_, file_);
  }

  Fault fault(const Slip& slip) const { return {position(slip.offset), slip.text}; }

  std::size_t below(std::size_t at) const { return std::min(text_.find('\n', at), text_.size()) + 1; }

  bool holds_keys(std::size_t line, std::size_t end) const {
    for (; line < end; line = below(line)) {
      const bool item = line_at(line).content().starts_with("- ");
      if (!item && begins_entry(text_, line, text_.size())) return true;
    }
    return false;
  }

  // The first of the words from which no other key stands between them and where the parser gave up.
  std::optional<Fault> key() const {
    std::optional<Fault> first;
    std::size_t end = line_at(offset_).begin;
    for (auto word = scan_.keys.rbegin(); word != scan_.keys.rend(); ++word) {
      if (holds_keys(below(*word), end)) break;
      first = fault(*key_slip(text_, *word));
      end = std::min(end, below(*word));
    }
    return first;
  }

  std::optional<Fault> slip() const {
    if (!scan_.slip) return std::nullopt;
    return fault(*scan_.slip);
  }

  std::optional<Fault> odd() const {
    if (!scan_.odd || line_at(*scan_.odd).begin != line_at(offset_).begin) return std::nullopt;
    return fault(*odd_character(text_, *scan_.odd));
  }

  std::optional<Fault> variable() const {
    if (!scan_.variable) return std::nullopt;
    const std::size_t begin = *scan_.variable;
    // Another line's is not the cause, unless its brackets are still open.
    if (scan_.open.empty() && line_at(begin).begin != line_at(offset_).begin) return std::nullopt;
    const std::size_t end = text_.find_first_of("}\n", begin);
    if (end == std::string_view::npos || text_[end] == '\n')
      return Fault{position(begin), "\"${\" has no closing brace on its line"};
    const std::string name = quoted(text_.substr(begin, end - begin + 1));
    return Fault{position(begin),
                 fmt::format("a variable needs quotes inside {{…}} and […]; write {}", name)};
  }

  std::optional<Fault> bare_brace() const {
    if (!scan_.bare_brace || line_at(*scan_.bare_brace).begin != line_at(offset_).begin) return std::nullopt;
    const std::size_t begin = *scan_.bare_brace;
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,]", begin), text_.size());
    return Fault{position(begin), fmt::format("a value that begins with \"{{\" needs quotes; write {}",
                                              quoted(text_.substr(begin, end - begin)))};
  }

  std::optional<Fault> brackets() const {
    if (scan_.open.empty()) {
      const bool closes = offset_ < text_.size() && (text_[offset_] == ']' || text_[offset_] == '}');
      if (closes) return Fault{position(offset_), fmt::format("this \"{}\" closes nothing", text_[offset_])};
      if (!says("flow")) return std::nullopt;
      return Fault{position(offset_), "a \",\" is missing before this, or quotes, inside {…} or […]"};
    }
    const Bracket& last = scan_.open.back();
    const std::string_view what = last.kind == '[' ? "list" : "map";
    const std::string_view closing = last.kind == '[' ? "]" : "}";
    if (scan_.mismatch) {
      return Fault{
          position(*scan_.mismatch),
          fmt::format("the {} that begins at {} does not end before this \"{}\"; close it with \"{}\"", what,
                      where(last.offset), text_[*scan_.mismatch], closing)};
    }
    if (!scan_.to_end && position(last.offset).line == position(offset_).line && offset_ < text_.size() &&
        !at_line_end())
      return in_brackets(what, last.offset);
    return Fault{position(last.offset),
                 fmt::format("the {} that begins at {} does not end; close it with \"{}\"", what,
                             where(last.offset), closing)};
  }

  bool at_line_end() const { return text_[offset_] == '\n' || text_[offset_] == '\r'; }

  Fault in_brackets(std::string_view what, std::size_t begin) const {
    return {position(offset_),
            fmt::format("a \",\" is missing, or quotes, in the {} that begins at {}", what, where(begin))};
  }

  // One that means something to YAML, with nothing of what that needs behind it.
  std::optional<Fault> sign() const {
    if (!says("not found after") && !says("block scalar")) return std::nullopt;
    const Line line = line_at(offset_);
    const std::size_t at = line.text.substr(0, offset_ - line.begin).find_last_of("&*>|!");
    if (at == std::string_view::npos) return std::nullopt;
    const Position place = position(line.begin + at);
    if (at == line.indent() && line.content().starts_with("* "))
      return Fault{place, "an item of a list begins with \"- \", not with \"* \""};
    return Fault{place, fmt::format("a value that begins with \"{}\" needs quotes", line.text[at])};
  }

  std::optional<Fault> alias() const {
    if (!says("alias") && !says("anchor")) return std::nullopt;
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,]}", offset_), text_.size());
    const std::string_view word = text_.substr(offset_, end - offset_);
    if (!word.starts_with('*')) return Fault{position(offset_), "YAML: " + message_};
    if (word.find_first_of("./:*", 1) != std::string_view::npos || word.size() == 1) {
      return Fault{position(offset_),
                   fmt::format("a value that begins with \"*\" needs quotes; write {}", quoted(word))};
    }
    return Fault{position(offset_),
                 fmt::format("no anchor above is named {}; a value that begins with \"*\" needs "
                             "quotes",
                             quoted(word.substr(1)))};
  }

  std::optional<Fault> escape() const {
    if (!says("escape")) return std::nullopt;
    return Fault{
        position(offset_),
        "this \"\\\\\" is no escape that YAML knows in double quotes; write the text in single quotes"};
  }

  std::optional<Fault> bare_token() const {
    if (offset_ >= text_.size() || std::string_view("@`%").find(text_[offset_]) == std::string_view::npos)
      return std::nullopt;
    return Fault{position(offset_),
                 fmt::format("a value that begins with \"{}\" needs quotes", text_[offset_])};
  }

  std::optional<Fault> item_behind_key() const {
    if (!says("block entry")) return std::nullopt;
    return Fault{position(offset_), "an item of a list begins on a line of its own, below its key"};
  }

  // A key that ends in its colon, and a value that holds one.
  std::optional<Fault> colon() const {
    if (!says("map value")) return std::nullopt;
    const Line line = line_at(offset_);
    const std::size_t first = line.text.find(": ");
    if (first != std::string_view::npos && line.begin + first < offset_) {
      return Fault{position(offset_), "a value that holds \": \" needs quotes"};
    }
    const auto before = line_before(line);
    if (!before) return std::nullopt;
    const std::size_t colon = before->text.find(':');
    if (colon == std::string_view::npos) {
      return Fault{position(before->begin + before->indent()),
                   "neither a key nor a value; a key ends in \":\""};
    }
    if (colon + 1 < before->text.size() && before->text[colon + 1] != ' ' &&
        before->text[colon + 1] != '\r') {
      return Fault{position(before->begin + colon), "the \":\" behind a key needs a space behind it"};
    }
    if (line.indent() > before->indent()) {
      return Fault{
          position(line.begin + line.indent()),
          fmt::format("this line stands below {}, which has a value already; begin it in column {}",
                      quoted(before->content().substr(0, colon - before->indent())), before->indent() + 1)};
    }
    return std::nullopt;
  }

  std::optional<Fault> indentation() const {
    const Line line = line_at(offset_);
    if (line.blank()) return std::nullopt;
    std::vector<std::size_t> levels;  // of the lines that this one may belong to, the innermost first
    std::optional<Line> beside;
    for (auto before = line_before(line); before; before = line_before(*before)) {
      if (!levels.empty() && before->indent() >= levels.back()) continue;
      levels.push_back(before->indent());
      if (before->indent() == line.indent()) beside = before;
    }
    const Position at = position(line.begin + line.indent());
    if (!beside) {
      const auto outer =
          std::find_if(levels.begin(), levels.end(), [&](auto level) { return level < line.indent(); });
      if (levels.empty() || outer == levels.end()) return std::nullopt;
      const std::size_t inner = outer == levels.begin() ? *outer : *(outer - 1);
      return Fault{
          at,
          fmt::format("this line begins in column {}, where nothing above does; {}", line.indent() + 1,
                      inner == *outer ? fmt::format("begin it in column {}", *outer + 1)
                                      : fmt::format("begin it in column {} or {}", *outer + 1, inner + 1))};
    }
    const bool item = line.content().starts_with("- ");
    if (item == beside->content().starts_with("- ")) return std::nullopt;
    const Position there = position(beside->begin + beside->indent());
    return Fault{
        at, item ? fmt::format("an item of a list beside the key on line {}; indent it, or give it a key",
                               there.line)
                 : fmt::format("a key beside the item of a list on line {}; indent it by 2 if it belongs to "
                               "the item",
                               there.line)};
  }

  std::string message_;
  std::string_view text_;
  std::uint32_t file_;
  std::size_t offset_;
  YamlScan scan_;
};

}  // namespace

Fault quote_fault(const Quote& quote, std::string_view text, std::uint32_t file) {
  const Position begin = position_at(text, quote.begin, file);
  const char what = text[quote.begin];
  if (quote.end == text.size())
    return {begin, fmt::format("the text that begins here has no closing {}", what)};
  const Position end = position_at(text, quote.end, file);
  const std::string where = fmt::format("{}:{}", end.line, end.column);
  if (begin.line == end.line) {
    return {begin, fmt::format("the quoted text that begins here ends at {}, and more follows; put all of it "
                               "into one pair of quotes",
                               where)};
  }
  return {begin, fmt::format("the text that begins here has no closing {} on its line; the next one is at {}",
                             what, where)};
}

Position position_at(std::string_view text, std::size_t offset, std::uint32_t file) {
  const std::string_view before = text.substr(0, offset);
  const auto line = static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1);
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {file, line, static_cast<std::uint32_t>(offset - start + 1)};
}

Fault explain(const YAML::Exception& error, std::string_view text, std::uint32_t file) {
  return Explainer(error, text, file).explain();
}

}  // namespace sluice::config
