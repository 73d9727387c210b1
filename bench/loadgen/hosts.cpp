#include "loadgen/hosts.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include <fmt/format.h>

namespace sluice::bench {

std::string host_name(std::string_view pattern, std::uint32_t number) {
  constexpr std::string_view place = "{n}";
  const auto at = pattern.find(place);
  if (at == std::string_view::npos) throw toolkit::UsageError("--pattern must contain {n}");
  return fmt::format("{}{}{}", pattern.substr(0, at), number, pattern.substr(at + place.size()));
}

std::string_view without_port(std::string_view host) {
  const auto bracket = host.rfind(']');
  return host.substr(0, host.find(':', bracket == std::string_view::npos ? 0 : bracket));
}

Hosts::Hosts(std::string_view pattern, std::uint32_t count, Distribution distribution) {
  names_.reserve(count);
  for (std::uint32_t n = 1; n <= count; ++n)
    names_.push_back(host_name(pattern, n));

  std::mt19937_64 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same sequence in every run is wanted
  if (distribution == Distribution::uniform) {
    sequence_.resize(count);
    std::iota(sequence_.begin(), sequence_.end(), 0U);
    std::shuffle(sequence_.begin(), sequence_.end(), random);
    return;
  }
  constexpr std::size_t draws = 1U << 20;
  std::vector<double> shares(count);
  for (std::uint32_t n = 0; n < count; ++n)
    shares[n] = 1.0 / (n + 1);
  std::discrete_distribution<std::uint32_t> zipf(shares.begin(), shares.end());
  sequence_.resize(draws);
  std::generate(sequence_.begin(), sequence_.end(), [&] { return zipf(random); });
}

}  // namespace sluice::bench
