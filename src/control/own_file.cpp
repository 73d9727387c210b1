#include "control/own_file.hpp"

#include <sys/stat.h>

#include <fmt/format.h>

namespace sluice::control {
namespace {

bool same_file(const std::string& a, const std::string& b) {
  if (a == b) return true;
  struct stat one {};
  struct stat other {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

}  // namespace

std::string mistaken(const std::string& meant, const std::string& file) {
  if (meant.empty() || same_file(meant, file)) return {};
  if (file.empty()) return fmt::format("this process runs without a file, not {}", meant);
  return fmt::format("this process runs {}, not {}", file, meant);
}

}  // namespace sluice::control
