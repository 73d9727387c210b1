#include "plan/state_place.hpp"

#include "sluice/base/file_error.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::plan {

void check_state(const config::Document& document, const Plan* previous, config::Diagnostics& diagnostics) {
  if (!document.state) return;
  const std::string& directory = document.state->value;
  struct stat status {};
  int error = ::stat(directory.c_str(), &status) != 0 ? errno : 0;
  if (error == 0 && !S_ISDIR(status.st_mode)) error = ENOTDIR;
  if (error == 0 && ::access(directory.c_str(), W_OK | X_OK) != 0) error = errno;
  if (error == 0) return;
  const bool mistaken = error == ENOENT || error == ENOTDIR;
  const bool runs =
      previous != nullptr && previous->document().state && previous->document().state->value == directory;
  const std::string what =
      error == ENOTDIR ? fmt::format("{} is no directory", directory)
                       : fmt::format("{} cannot be written: {}{}", directory, file_error(error),
                                     error == ENOENT ? "; make it, for the user that Sluice runs as" : "");
  if (mistaken && !runs) {
    diagnostics.add(document.state->at, "state", what);
  } else {
    diagnostics.warn(document.state->at, "state", what + "; until it can be, holds and bans are refused");
  }
}

}  // namespace sluice::plan
