// Files: read whole, found by pattern, named relative to another.
#pragma once

#include "config/units.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

inline constexpr std::size_t kMaxFileSize = 64 * kMiB;

// Which file it is, whatever name led to it.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

struct FileText {
  std::string text;
  FileId id;
  std::string error;  // why it could not be read; a complete message
};

enum class FileKind : std::uint8_t {
  any,      // pipes too, for `--config /dev/stdin`
  regular,  // what a pattern matched: a pipe among them must not stop the reading
};

// Reads at most kMaxFileSize bytes.
FileText read_file(const std::string& path, FileKind kind);

// The directory that relative names in `path` start from.
std::string directory_of(const std::string& path);

// `name` seen from `base`; an absolute name stays as it is.
std::string join(const std::string& base, std::string_view name);

// The same, absolute and without `.` and `..`.
std::string absolute_join(const std::string& base, std::string_view name);

struct Matches {
  std::vector<std::string> names;  // in byte order
  std::string error;
};

// Files that match the glob `pattern`, taken from `base`. No match is fine, except for a pattern without
// wildcards: that names one file, which the caller then fails to open.
Matches find_files(const std::string& base, const std::string& pattern);

}  // namespace sluice::config
