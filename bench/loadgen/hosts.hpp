// Which host each request names: one, or many tenants in a chosen distribution.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

enum class Distribution {
  uniform,  // every host once per round, in an order shuffled once
  zipf,     // host n has 1/n the share of host 1, as real tenants roughly do
};

// Host `number`, from a pattern in which {n} stands for it. Throws toolkit::UsageError where there is no {n}.
std::string host_name(std::string_view pattern, std::uint32_t number);

// "host:port" or "[v6]:port" without the port.
std::string_view without_port(std::string_view host);

class Hosts {
 public:
  explicit Hosts(std::string single) : names_{std::move(single)} {}
  // Hosts 1 to `count`. Their sequence is the same in every run, so that two runs compare.
  Hosts(std::string_view pattern, std::uint32_t count, Distribution distribution);

  // The host of request `index`. Drawn in advance: during the run, choosing a tenant costs one load.
  const std::string& at(std::uint64_t index) const {
    return names_.size() == 1 ? names_.front() : names_[sequence_[index % sequence_.size()]];
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::uint32_t> sequence_;
};

}  // namespace sluice::bench
