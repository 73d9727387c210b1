// Command-line options of the tool programs. Deliberately a cursor, not a framework: a program walks its
// options once with is() and takes each operand with value(), so what it accepts can be read top to bottom.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::toolkit {

// The user asked for something the program does not offer. main() prints it and exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Args {
 public:
  // Starts before argv[first]. argv must outlive this object and every value taken from it.
  Args(int argc, char** argv, int first);

  // Moves to the next option. False at the end.
  bool next();

  bool is(std::string_view name) const { return name_ == name; }

  // The operand of the current option: what stands after '=', or the next argument. May be called once more
  // for each further operand.
  std::string_view value();

  std::uint64_t number(std::uint64_t least = 0);
  std::uint64_t size();
  std::chrono::nanoseconds duration();
  bool yes_or_no();

  [[noreturn]] void unknown() const;

 private:
  // Complains about the value just taken from the current option.
  [[noreturn]] void reject(std::string_view value, std::string_view expected) const;

  std::vector<std::string_view> words_;
  std::size_t position_ = 0;
  std::string_view name_;
  std::string_view inline_value_;
  bool has_inline_value_ = false;
};

}  // namespace sluice::toolkit
