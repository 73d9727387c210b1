// A descriptor that lines are written to, and how much of them it may be given at a time.
#pragma once

#include <cstddef>
#include <string_view>
#include <sys/types.h>

namespace sluice::observe {

class LineTarget {
 public:
  // Takes `fd` over, unless it is standard error.
  explicit LineTarget(int fd);
  ~LineTarget() { reset(-1); }
  LineTarget(const LineTarget&) = delete;
  LineTarget& operator=(const LineTarget&) = delete;
  void reset(int fd);

  int fd() const { return fd_; }
  // Whether poll(2) knows if it takes more. Disks always do, as it says, and may be slow all the same.
  bool polled() const { return polled_; }
  // Writes lines from the front of `text`, without waiting where polled() was waited for. As write(2).
  ssize_t write(std::string_view text) const;

 private:
  int fd_ = -1;
  bool polled_ = false;
  bool socket_ = false;
  bool pieces_ = false;
};

// Opens what a log is to be appended to; never waits. -1 with errno.
int open_log(const char* path);

}  // namespace sluice::observe
