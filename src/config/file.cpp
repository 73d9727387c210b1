#include "config/file.hpp"

#include "sluice/base/file_error.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <glob.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::config {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string cannot_read(int error) { return "cannot be read: " + file_error(error); }

std::string too_large() { return fmt::format("is larger than {} MiB", kMaxFileSize / kMiB); }

// Reads to the end. A regular file ends where a read comes short of the room it was given; asking once more
// would cost a system call for each of thousands of files. Pipes end when nothing comes.
void read_all(int fd, const struct stat& info, FileText& out) {
  const bool regular = S_ISREG(info.st_mode);
  out.text.resize(static_cast<std::size_t>(info.st_size) + 1);
  std::size_t used = 0;
  for (;;) {
    if (used == out.text.size()) out.text.resize(std::min(used * 2, kMaxFileSize + 1));
    const std::size_t room = out.text.size() - used;
    const ssize_t got = ::read(fd, out.text.data() + used, room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) out.error = cannot_read(errno);
    if (got > 0) used += static_cast<std::size_t>(got);
    if (used > kMaxFileSize) out.error = too_large();
    const bool more = got > 0 && used <= kMaxFileSize && !(regular && static_cast<std::size_t>(got) < room);
    if (!more) break;
  }
  out.text.resize(used);
}

// Stops glob() at a directory that is there but cannot be read; without it the tenants inside would be lost
// without a word.
int glob_error(const char*, int error) { return error != ENOENT && error != ENOTDIR; }

// A directory's name may hold characters that a glob would take for wildcards.
std::string escape_glob(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

FileText read_file(const std::string& path, FileKind kind) {
  FileText out;
  // O_NONBLOCK keeps a pipe without a writer from holding up a file that must be regular anyway.
  const int flags = O_RDONLY | O_CLOEXEC | (kind == FileKind::regular ? O_NONBLOCK : 0);
  const Descriptor file(::open(path.c_str(), flags));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    out.error = cannot_read(errno);
  } else if (S_ISDIR(info.st_mode)) {
    out.error = cannot_read(EISDIR);
  } else if (kind == FileKind::regular && !S_ISREG(info.st_mode)) {
    out.error = "is not a regular file";
  } else if (info.st_size > static_cast<off_t>(kMaxFileSize)) {
    out.error = too_large();
  } else {
    out.id = {info.st_dev, info.st_ino};
    read_all(file.get(), info, out);
  }
  return out;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string join(const std::string& base, std::string_view name) {
  if (name.starts_with('/') || base.empty() || base == ".") return std::string(name);
  return base.ends_with('/') ? base + std::string(name) : base + '/' + std::string(name);
}

std::string absolute_join(const std::string& base, std::string_view name) {
  const std::string joined = join(base, name);
  std::error_code ignored;  // without a working directory the name stays relative, and opening it will tell
  const std::filesystem::path absolute = std::filesystem::absolute(joined, ignored);
  return ignored ? joined : absolute.lexically_normal().string();
}

Matches find_files(const std::string& base, const std::string& pattern) {
  Matches out;
  if (pattern.find_first_of("*?[") == std::string::npos) {
    out.names.push_back(join(base, pattern));
    return out;
  }
  glob_t found{};
  const std::string full = pattern.starts_with('/') ? pattern : join(escape_glob(base), pattern);
  const int result = ::glob(full.c_str(), GLOB_NOSORT, &glob_error, &found);
  const std::unique_ptr<glob_t, decltype(&::globfree)> release(&found, &::globfree);
  if (result == GLOB_ABORTED) out.error = cannot_read(errno);
  if (result == GLOB_NOSPACE) out.error = "matches too many files";
  for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i)
    out.names.emplace_back(found.gl_pathv[i]);
  std::sort(out.names.begin(), out.names.end());  // not glob's order, which follows the locale
  return out;
}

}  // namespace sluice::config
