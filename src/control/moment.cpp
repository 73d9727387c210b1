#include "sluice/control/moment.hpp"

#include "sluice/base/text.hpp"
#include "sluice/config/load.hpp"

#include <chrono>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::control {
namespace {

constexpr UnixMs kSecond = 1000;
constexpr Nanos kMillisecond = 1'000'000;

// Takes a text to pieces from its beginning; what does not fit takes nothing.
class Pieces {
 public:
  explicit Pieces(std::string_view text) : rest_(text) {}
  bool number(std::size_t digits, int least, int most, int& out) {
    const auto value = parse_decimal<int>(rest_.substr(0, digits));
    if (rest_.size() < digits || !value || *value < least || *value > most) return false;
    rest_.remove_prefix(digits);
    out = *value;
    return true;
  }
  bool mark(char wanted) {
    if (rest_.empty() || to_lower(rest_.front()) != to_lower(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Digits of a second; more than a millisecond's are passed over.
  bool fraction(UnixMs& ms) {
    UnixMs worth = kSecond / 10;
    const std::size_t size = rest_.size();
    for (; !rest_.empty() && is_digit(rest_.front()); worth /= 10, rest_.remove_prefix(1))
      ms += worth * (rest_.front() - '0');
    return rest_.size() < size;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool read_time(Pieces& pieces, std::tm& parts, UnixMs& ms) {
  if (!pieces.number(2, 0, 23, parts.tm_hour) || !pieces.mark(':')) return false;
  if (!pieces.number(2, 0, 59, parts.tm_min)) return false;
  if (!pieces.mark(':')) return true;
  if (!pieces.number(2, 0, 59, parts.tm_sec)) return false;
  return !pieces.mark('.') || pieces.fraction(ms);
}

bool read_offset(Pieces& pieces, UnixMs& offset) {
  if (pieces.mark('Z')) return true;
  const bool east = pieces.mark('+');
  int hours = 0;
  int minutes = 0;
  if (!east && !pieces.mark('-')) return false;
  if (!pieces.number(2, 0, 23, hours) || !pieces.mark(':') || !pieces.number(2, 0, 59, minutes)) return false;
  offset = (UnixMs{hours} * 60 + minutes) * 60 * kSecond * (east ? 1 : -1);
  return true;
}

std::optional<UnixMs> parse_instant(std::string_view text) {
  Pieces pieces(text);
  std::tm parts{};
  UnixMs ms = 0;
  UnixMs offset = 0;
  int year = 0;
  int month = 0;
  if (!pieces.number(4, 1970, 9999, year) || !pieces.mark('-') || !pieces.number(2, 1, 12, month) ||
      !pieces.mark('-') || !pieces.number(2, 1, 31, parts.tm_mday))
    return std::nullopt;
  if (!pieces.mark('T') && !pieces.mark(' ')) return std::nullopt;
  if (!read_time(pieces, parts, ms) || !read_offset(pieces, offset) || !pieces.at_end()) return std::nullopt;
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  const int day = parts.tm_mday;
  const std::time_t seconds = ::timegm(&parts);
  if (parts.tm_mday != day) return std::nullopt;  // the 31st of a month that has none
  return UnixMs{seconds} * kSecond + ms - offset;
}

}  // namespace

UnixMs unix_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Nanos steady_of(UnixMs moment) { return steady_now() + (moment - unix_now()) * kMillisecond; }

UnixMs unix_of(Nanos steady) {
  const Nanos left = steady - steady_now();
  return unix_now() + (left + (left < 0 ? -kMillisecond : kMillisecond) / 2) / kMillisecond;
}

std::optional<UnixMs> parse_moment(std::string_view text, UnixMs now, std::string& problem) {
  if (text.find(':') != std::string_view::npos || text.find('-') != std::string_view::npos) {
    const auto instant = parse_instant(text);
    if (!instant) problem = fmt::format("\"{}\" is no instant; write it as 2026-11-29T18:00:00Z", text);
    return instant;
  }
  const auto lasts = config::duration_in(text.substr(text.starts_with('+') ? 1 : 0), problem);
  if (!lasts) return std::nullopt;
  return now + lasts->count();
}

std::string exact_text(UnixMs moment) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(moment / kSecond)),
                     moment % kSecond);
}

std::string moment_text(UnixMs moment) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>((moment + kSecond / 2) / kSecond)));
}

std::optional<UnixMs> parse_end(std::string_view text, UnixMs now, std::string& problem) {
  const auto end = parse_moment(text, now, problem);
  if (!end) return std::nullopt;
  if (*end > now && *end - now <= kLongestOrder) return end;
  problem = fmt::format("{} {}", text, *end <= now ? "is over already" : "is more than a year away");
  return std::nullopt;
}

}  // namespace sluice::control
