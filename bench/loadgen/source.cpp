#include "loadgen/source.hpp"

#include "loadgen/files.hpp"
#include "loadgen/request_file.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <utility>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

Hosts make_hosts(const TargetOptions& options) {
  if (options.host_count > 0) return {options.host_pattern, options.host_count, options.distribution};
  return Hosts(options.host.empty() ? options.url.authority : options.host);
}

}  // namespace

std::unique_ptr<Catalogue> make_catalogue(const TargetOptions& options) {
  CommonForm common{options.url.tls, options.keep_alive, options.headers};
  if (!options.vary.empty()) common.varied.emplace(options.vary, options.values);
  std::string body = "b";
  std::uint64_t body_size = options.body_size;
  if (!options.body_file.empty()) {
    body = read_file(options.body_file);
    body_size = body.size();
    if (body.empty()) throw toolkit::UsageError(fmt::format("{}: empty", options.body_file));
  }
  auto hosts = make_hosts(options);
  if (!options.replay_file.empty())
    return std::make_unique<Catalogue>(read_access_log(options.replay_file), common, std::move(hosts), body);
  std::vector<RequestSpec> specs{{options.method, options.url.target, {}, {}, body_size}};
  if (!options.requests_file.empty()) specs = read_requests(options.requests_file);
  return std::make_unique<Catalogue>(specs, common, std::move(hosts), body);
}

std::string no_connection(const TargetOptions& options, std::string_view last_failure) {
  return fmt::format("cannot open a connection to {}:{} ({})", options.url.host, options.url.port,
                     last_failure);
}

}  // namespace sluice::bench
