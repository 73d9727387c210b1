#include "loadgen/failure.hpp"

#include <array>

namespace sluice::bench {

std::string_view name_of(Failure failure) {
  static constexpr std::array<std::string_view, failure_kinds> names{
      "connect", "local", "tls", "reset", "closed", "refused", "timeout", "short_body", "protocol"};
  return names[static_cast<std::size_t>(failure)];
}

}  // namespace sluice::bench
