#include "plan/log_place.hpp"

#include "sluice/base/file_error.hpp"

#include <cerrno>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::plan {

void check_log(const config::Log& log, config::Diagnostics& diagnostics) {
  if (!log.access.starts_with('/') || ::access(log.access.c_str(), W_OK) == 0) return;
  const int file_failed = errno;
  const std::string directory = log.access.substr(0, log.access.rfind('/') + 1);
  if (file_failed != ENOENT) {
    diagnostics.warn(log.access_at, "log.access",
                     fmt::format("{} cannot be written: {}", log.access, file_error(file_failed)));
  } else if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    diagnostics.warn(log.access_at, "log.access",
                     fmt::format("no file can be made in {}: {}", directory, file_error(errno)));
  }
}

}  // namespace sluice::plan
