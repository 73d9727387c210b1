#include "loadgen/access_log.hpp"

#include "loadgen/files.hpp"
#include "loadgen/hosts.hpp"
#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace sluice::bench {
namespace {

namespace json = boost::json;

// Takes `text` up to `end`, and `end` with it, off `rest`. Nothing when `end` does not occur.
std::optional<std::string_view> take_until(std::string_view& rest, char end) {
  const auto at = rest.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto text = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return text;
}

Nanoseconds since_1970(std::tm& utc) { return static_cast<Nanoseconds>(::timegm(&utc)) * per_second; }

// "2026-11-21T08:30:43.123Z"
std::optional<Nanoseconds> parse_timestamp(const std::string& text) {
  std::tm utc{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (!rest) return std::nullopt;
  Nanoseconds at = since_1970(utc);
  if (*rest == '.') {
    Nanoseconds unit = per_second / 10;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10)
      at += static_cast<Nanoseconds>(*rest - '0') * unit;
  }
  return at;
}

// "21/Nov/2026:08:30:43 +0100"
std::optional<Nanoseconds> parse_common_time(const std::string& text) {
  std::tm local{};
  if (!::strptime(text.c_str(), "%d/%b/%Y:%H:%M:%S %z", &local)) return std::nullopt;
  const long east = local.tm_gmtoff;
  const auto as_utc = static_cast<std::int64_t>(::timegm(&local));
  return static_cast<Nanoseconds>(as_utc - east) * per_second;
}

bool is_possible(const LogEntry& entry) {
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  return !entry.method.empty() && entry.method != "CONNECT" && entry.target.starts_with('/') &&
         std::all_of(entry.method.begin(), entry.method.end(), plain) &&
         std::all_of(entry.target.begin(), entry.target.end(), plain) &&
         std::all_of(entry.host.begin(), entry.host.end(), plain);
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* const value = object.if_contains(json::string_view(name.data(), name.size()));
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

double number_of(const json::object& object, std::string_view name) {
  const auto* const value = object.if_contains(json::string_view(name.data(), name.size()));
  return value && value->is_number() ? value->to_number<double>() : 0;
}

std::optional<LogEntry> parse_json_line(std::string_view line) {
  json::error_code error;
  const auto value = json::parse({line.data(), line.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto end = parse_timestamp(text_of(object, "ts"));
  if (!end) return std::nullopt;
  const auto duration = static_cast<Nanoseconds>(std::max(0.0, number_of(object, "duration_ms")) *
                                                 static_cast<double>(per_millisecond));
  return LogEntry{*end - std::min(*end, duration),
                  text_of(object, "method"),
                  text_of(object, "path"),
                  text_of(object, "host"),
                  static_cast<unsigned>(number_of(object, "status")),
                  static_cast<std::uint64_t>(std::max(0.0, number_of(object, "bytes_in")))};
}

// [host[:port] ]client ident user [time] "method target protocol" status bytes …
std::optional<LogEntry> parse_combined_line(std::string_view line) {
  LogEntry entry;
  const auto who = take_until(line, '[');
  const auto when = take_until(line, ']');
  if (!who || !when || !take_until(line, '"')) return std::nullopt;
  auto request = take_until(line, '"');
  if (!request || line.size() < 4) return std::nullopt;
  if (std::count(who->begin(), who->end(), ' ') == 4)
    entry.host = without_port(who->substr(0, who->find(' ')));
  const auto at = parse_common_time(std::string(*when));
  const auto method = take_until(*request, ' ');
  const auto status = toolkit::parse_number(line.substr(1, 3));
  if (!at || !method || !status) return std::nullopt;
  entry.at = *at;
  entry.method = *method;
  entry.target = request->substr(0, request->find(' '));
  entry.status = static_cast<unsigned>(*status);
  return entry;
}

// Moves entries that a log without fractions of a second puts at the same moment apart.
void spread_seconds(std::vector<LogEntry>& entries) {
  for (auto first = entries.begin(); first != entries.end();) {
    const auto last =
        std::find_if(first, entries.end(), [&](const LogEntry& e) { return e.at != first->at; });
    const auto step = per_second / static_cast<Nanoseconds>(last - first);
    Nanoseconds later = 0;
    for (; first != last; ++first, later += step)
      first->at += later;
  }
}

}  // namespace

std::optional<LogEntry> parse_log_line(std::string_view line) {
  auto entry = line.starts_with('{') ? parse_json_line(line) : parse_combined_line(line);
  if (entry && !is_possible(*entry)) entry.reset();
  return entry;
}

AccessLog parse_access_log(std::string_view text) {
  AccessLog log;
  for_each_line(text, [&](std::string_view line) {
    if (auto entry = parse_log_line(line))
      log.entries.push_back(std::move(*entry));
    else
      ++log.skipped;
  });
  auto& entries = log.entries;
  std::stable_sort(entries.begin(), entries.end(),
                   [](const LogEntry& a, const LogEntry& b) { return a.at < b.at; });
  const bool whole_seconds = std::all_of(entries.begin(), entries.end(),
                                         [](const LogEntry& entry) { return entry.at % per_second == 0; });
  if (whole_seconds) spread_seconds(entries);
  return log;
}

AccessLog read_access_log(const std::string& path) { return parse_access_log(read_file(path)); }

}  // namespace sluice::bench
