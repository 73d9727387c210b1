#include "sluice/base/file_error.hpp"

#include <cerrno>
#include <pwd.h>
#include <system_error>
#include <unistd.h>

namespace sluice {
namespace {

std::string user_name() {
  const passwd* const entry = ::getpwuid(::geteuid());
  return entry != nullptr ? std::string(entry->pw_name) : std::to_string(::geteuid());
}

}  // namespace

std::string file_error(int error) {
  std::string out = std::generic_category().message(error);
  if (error == EACCES || error == EPERM) out += " (as user " + user_name() + ")";
  return out;
}

}  // namespace sluice
