#include "sluice/config/limit_text.hpp"

#include "config/units.hpp"

#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

std::string_view period(Duration value) {
  if (value == std::chrono::seconds(1)) return "s";
  return value == std::chrono::minutes(1) ? "m" : "h";
}

std::string part_text(const KeyPart& part, const Limit& limit) {
  switch (part.of) {
    case KeyPart::Of::tenant: return "tenant";
    case KeyPart::Of::host: return "host";
    case KeyPart::Of::path: return "path";
    case KeyPart::Of::response: return "response";
    case KeyPart::Of::header: return "header:" + part.name;
    case KeyPart::Of::cookie: return "cookie:" + part.name;
    case KeyPart::Of::client_ip: break;
  }
  if (limit.v4_prefix == 32) return fmt::format("client_ip/{}", limit.v6_prefix);
  return fmt::format("client_ip/{}/{}", limit.v4_prefix, limit.v6_prefix);
}

std::string amount(const Limit& limit) {
  switch (limit.kind) {
    case LimitKind::concurrency: return fmt::format("{} at a time", limit.concurrency);
    case LimitKind::bytes:
      return fmt::format("{}/{}, burst {}", show_size(limit.rate.count), period(limit.rate.period),
                         show_size(limit.burst));
    case LimitKind::rate: break;
  }
  return fmt::format("{}/{}, burst {}", limit.rate.count, period(limit.rate.period), limit.burst);
}

std::string matched(const LimitMatch& match) {
  std::string out;
  for (const auto& method : match.methods)
    out += (out.empty() ? ", " : "/") + method.value;
  if (match.path) out += (out.empty() ? ", " : " ") + match.path->value;
  if (!match.headers.empty())
    out += fmt::format(", {} field{}", match.headers.size(), match.headers.size() == 1 ? "" : "s");
  return out;
}

}  // namespace

std::string describe(const LimitStore& store) {
  constexpr std::array<std::string_view, 3> kOutages{"local", "open", "closed"};
  const std::string_view url = store.url.value;
  const std::size_t start = url.find("://") + 3;
  const std::size_t sign = url.rfind('@');
  std::string_view rest = url.substr(sign == std::string_view::npos ? start : sign + 1);
  const std::string_view place = rest.substr(0, rest.find('/'));
  rest.remove_prefix(place.size());
  const std::size_t colon = place.rfind(':');
  const bool port = colon != std::string_view::npos && place.find(']', colon) == std::string_view::npos;
  return fmt::format("counted in {}{}{}{}, on outage {}", url.substr(0, start), place, port ? "" : ":6379",
                     rest, kOutages[static_cast<std::size_t>(store.on_outage)]);
}

std::string describe_size(std::uint64_t bytes) { return show_size(bytes); }

std::string describe(const Limit& limit) {
  std::string out = amount(limit) + ", by ";
  for (std::size_t i = 0; i < limit.key.size(); ++i)
    out += (i == 0 ? "" : " and ") + part_text(limit.key[i], limit);
  if (limit.cost != 1) out += fmt::format(", cost {}", limit.cost);
  out += matched(limit.match);
  if (limit.ban) out += fmt::format(", bans for {}", show_duration(limit.ban->lasts));
  if (limit.mode == LimitMode::report) out += ", reported only";
  return out;
}

}  // namespace sluice::config
