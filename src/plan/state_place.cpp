#include "plan/state_place.hpp"

#include "sluice/base/file_error.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::plan {

void check_state(const config::Document& document, config::Diagnostics& diagnostics) {
  if (!document.state) return;
  const std::string& directory = document.state->value;
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
    diagnostics.add(document.state->at, "state", fmt::format("{} is no directory", directory));
  } else if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    const int error = errno;
    diagnostics.add(document.state->at, "state",
                    fmt::format("{} cannot be written: {}{}", directory, file_error(error),
                                error == ENOENT ? "; make it, for the user that Sluice runs as" : ""));
  }
}

}  // namespace sluice::plan
