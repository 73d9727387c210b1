#include "loadgen/catalogue.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::bench {

Catalogue::Catalogue(const std::vector<RequestSpec>& specs, const CommonForm& common, Hosts hosts,
                     std::string_view body)
    : hosts_(std::move(hosts)), varied_(common.varied) {
  std::uint64_t largest = 0;
  for (const auto& spec : specs)
    largest = std::max(largest, spec.body_size);
  make_body(body, largest);
  for (const auto& spec : specs)
    forms_.emplace_back(spec, common, body_of(spec));
}

Catalogue::Catalogue(const AccessLog& log, const CommonForm& common, Hosts hosts, std::string_view body)
    : hosts_(std::move(hosts)), varied_(common.varied), lines_skipped_(log.skipped) {
  constexpr std::uint64_t largest_body = 64 * toolkit::MiB;
  if (log.entries.empty()) throw std::runtime_error("the access log has no request that could be replayed");
  const auto size_of = [largest_body](const LogEntry& entry) {
    return std::min(entry.body_size, largest_body);
  };
  std::uint64_t largest = 0;
  for (const auto& entry : log.entries)
    largest = std::max(largest, size_of(entry));
  make_body(body, largest);

  // Logs repeat themselves: a form is made once.
  std::unordered_map<std::string, std::uint32_t> known;
  trace_.reserve(log.entries.size());
  for (const auto& entry : log.entries) {
    const RequestSpec spec{entry.method, entry.target, entry.host, {}, size_of(entry)};
    const auto key = fmt::format("{} {} {} {}", spec.method, spec.target, spec.host, spec.body_size);
    const auto [found, fresh] = known.try_emplace(key, static_cast<std::uint32_t>(forms_.size()));
    if (fresh) forms_.emplace_back(spec, common, body_of(spec));
    trace_.push_back({entry.at - log.entries.front().at, found->second, entry.status / 100});
  }
}

void Catalogue::make_body(std::string_view body, std::uint64_t size) {
  body_.reserve(size);
  while (body_.size() < size)
    body_ += body.substr(0, size - body_.size());
}

}  // namespace sluice::bench
