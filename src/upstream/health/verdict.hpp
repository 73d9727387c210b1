// Whether a server is up, from the run of its checks. Pure.
#pragma once

#include <cstdint>

namespace sluice::upstream {

class Verdict {
 public:
  enum class Now : std::uint8_t { unknown, up, down };

  // `rise` passes in a row bring up a server that was down, `fall` failures in a row take down one that was
  // up. While nothing is known the first check decides: waiting for more would keep a good server out, or
  // send requests to one that just failed. What serves already is known to be up.
  void configure(std::uint32_t rise, std::uint32_t fall) {
    rise_ = rise;
    fall_ = fall;
  }
  void presume_up() { now_ = Now::up; }
  // Whether the verdict changed with this check.
  bool add(bool passed) {
    const bool against = passed != (now_ == Now::up);
    if (now_ != Now::unknown && !against) {
      streak_ = 0;
      return false;
    }
    const std::uint32_t needed = now_ == Now::unknown ? 1 : passed ? rise_ : fall_;
    if (++streak_ < needed) return false;
    now_ = passed ? Now::up : Now::down;
    streak_ = 0;
    return true;
  }
  Now now() const { return now_; }
  // Checks in a row that spoke against it.
  std::uint32_t streak() const { return streak_; }

 private:
  Now now_ = Now::unknown;
  std::uint32_t streak_ = 0;
  std::uint32_t rise_ = 2;
  std::uint32_t fall_ = 3;
};

}  // namespace sluice::upstream
