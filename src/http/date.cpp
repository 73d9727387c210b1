#include "sluice/http/date.hpp"

#include <ctime>
#include <string_view>

namespace sluice::http {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

class Clock {
 public:
  std::string_view text(Nanos now) {
    if (now >= next_) look(now);
    return {text_, size_};
  }

 private:
  void look(Nanos now) {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    next_ = now + kSecond - wall.tv_nsec;
    std::tm parts{};
    ::gmtime_r(&wall.tv_sec, &parts);
    size_ = std::strftime(text_, sizeof text_, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }

  Nanos next_ = 0;  // when another second begins
  std::size_t size_ = 0;
  char text_[32]{};
};

}  // namespace

void add_date(Fields& fields, Arena& arena, Nanos now) {
  if (fields.find(FieldId::date) != nullptr) return;
  thread_local Clock clock;
  fields.add(arena, "Date", arena.copy(clock.text(now)), FieldId::date);
}

}  // namespace sluice::http
