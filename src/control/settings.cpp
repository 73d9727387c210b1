#include "control/settings.hpp"

namespace sluice::control {

NameSettings name_settings(const config::Resolver& from) {
  NameSettings out;
  for (const auto& server : from.servers) {
    if (const auto address = SocketAddress::parse(server.value)) out.resolver.servers.push_back(*address);
  }
  if (from.timeout) out.resolver.timeout = nanos(*from.timeout);
  out.resolver.tries = from.tries.value_or(0);
  out.ttl = {nanos(from.min_ttl), nanos(from.max_ttl)};
  return out;
}

// The URL was checked with the rest of the configuration.
std::optional<store::Settings> store_settings(const std::optional<config::LimitStore>& from) {
  if (!from) return std::nullopt;
  auto out = store::parse_url(from->url.value);
  if (!out) return std::nullopt;
  if (from->ca) out->ca_file = from->ca->value;
  switch (from->on_outage) {
    case config::OnOutage::local: out->outage = limits::Outage::local; break;
    case config::OnOutage::open: out->outage = limits::Outage::open; break;
    case config::OnOutage::closed: out->outage = limits::Outage::closed; break;
  }
  return out;
}

observe::LogLevel level_of(config::LogLevel from) {
  switch (from) {
    case config::LogLevel::debug: return observe::LogLevel::debug;
    case config::LogLevel::warn: return observe::LogLevel::warn;
    case config::LogLevel::error: return observe::LogLevel::error;
    case config::LogLevel::info: break;
  }
  return observe::LogLevel::info;
}

observe::LogFormat format_of(config::LogFormat from) {
  return from == config::LogFormat::combined ? observe::LogFormat::combined : observe::LogFormat::json;
}

observe::ProcessLogFormat process_format_of(config::ProcessLogFormat from) {
  return from == config::ProcessLogFormat::json ? observe::ProcessLogFormat::json
                                                : observe::ProcessLogFormat::text;
}

}  // namespace sluice::control
