// A field whose value is another one with each request, as if many clients sent them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

class Varied {
 public:
  // "Name: value"; in the value {n} stands for 1 to `count`, or {ip} for so many addresses from 10.0.0.0 on.
  // Throws toolkit::UsageError where there is neither.
  Varied(std::string_view field, std::uint32_t count);

  // As over HTTP/2.
  const std::string& small_name() const { return small_name_; }
  // "Name: ", for HTTP/1.1.
  const std::string& start() const { return start_; }
  // Appends the value of request `index`. They come in turn.
  void append_value(std::uint64_t index, std::string& out) const;

 private:
  std::string small_name_;
  std::string start_;
  std::string before_;
  std::string behind_;
  std::uint32_t count_;
  bool address_ = false;
};

}  // namespace sluice::bench
