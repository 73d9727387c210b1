// What is to be said about a configuration: errors, which keep it from running, and warnings, which do not.
#pragma once

#include "sluice/config/value.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::config {

enum class Severity : std::uint8_t { error, warning };

// One thing to say. `path` is where in the document ("pools.app.servers[1]"), empty for the whole file.
struct Diagnostic {
  Severity severity = Severity::error;
  Position at;
  std::string path;
  std::string message;  // what is wrong: `unknown key "lsiten"`
  std::string hint;     // what to do about it, where that is known: `did you mean "listen"?`
};

// The same for whoever has no Document: with the file's name, complete in itself.
struct Finding {
  Severity severity = Severity::error;
  std::string file;          // empty: it concerns no file
  std::uint32_t line = 0;    // 0: the file as a whole
  std::uint32_t column = 0;  // in bytes
  std::string path;
  std::string message;
  std::string hint;
  bool operator==(const Finding&) const = default;
};

// What concerns no place in a file.
Finding finding(Severity severity, std::string message);

// `file:line:col: path: message; hint`, without what is empty.
std::string text_of(const Finding& item);

// The same as lines, where warnings have `warning: ` in front of the path.
std::string render(const std::vector<Finding>& findings);

// Collects what every stage has to say, so that the operator sees it at once. One mistake is one error: what
// an error is about is in doubt from then on, and its absence is not held against the operator again.
class Diagnostics {
 public:
  // `text` is `what is wrong; what to do about it`: behind the first "; " outside quotes begins the hint.
  void add(Position at, std::string path, std::string_view text) {
    doubt(path);
    say(Severity::error, at, std::move(path), text);
  }
  // The same for what is not written in the map at `path`.
  void missing(Position at, std::string path, std::string_view key);
  void warn(Position at, std::string path, std::string_view text) {
    say(Severity::warning, at, std::move(path), text);
  }

  // Whatever stands at `path` or below may be meant by something that could not be read; "" for all.
  void doubt(std::string path) { doubts_.insert(std::move(path)); }
  // Whether `path` may be written, although it was not found.
  bool doubtful(std::string_view path) const;
  // The same of `path` or anything in it.
  bool doubtful_within(std::string_view path) const;

  bool failed() const { return errors_ != 0; }
  std::size_t errors() const { return errors_; }
  // Neither errors nor warnings.
  bool empty() const { return items_.empty(); }
  const std::vector<Diagnostic>& items() const { return items_; }

  // In file and line order, each once, what is equal for many tenants as one, and 50 at most: the last then
  // says how many more there are. `files` is Document::files.
  std::vector<Finding> findings(Severity severity, const std::vector<std::string>& files) const;

  // The errors and, behind them, the warnings, as lines.
  std::string render(const std::vector<std::string>& files) const;

 private:
  void say(Severity severity, Position at, std::string path, std::string_view text);

  std::vector<Diagnostic> items_;
  std::set<std::string, std::less<>> doubts_;
  std::size_t errors_ = 0;
};

}  // namespace sluice::config
