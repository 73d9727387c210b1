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
