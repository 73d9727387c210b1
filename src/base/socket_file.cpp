#include "sluice/base/socket_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utility>

namespace sluice {
namespace {

constexpr int kLockTries = 200;
constexpr timespec kLockPause{0, 10'000'000};

std::string path_of(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_un*>(address.raw())->sun_path;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string error_text() { return std::strerror(errno); }

// The directory's lock: one process at a time looks at a path and changes what is there. It leaves no file
// behind, and ends with its process. It waits a little and not for ever: anybody who may read the directory
// may hold it.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& directory)
      : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    for (int i = 0; fd_ >= 0 && !held_ && i < kLockTries; ++i) {
      held_ = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
      if (!held_ && errno != EWOULDBLOCK && errno != EINTR) return;
      if (!held_) ::nanosleep(&kLockPause, nullptr);
    }
  }
  ~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

std::string_view kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a pipe";
  return "a device";
}

std::string not_a_socket(const std::string& path, mode_t mode) {
  return path + " is " + std::string(kind_of(mode)) + ", and only a socket is replaced";
}

// Whether somebody accepts on the socket at `address`: "" when nobody does, and then it is stale.
std::string in_use(const SocketAddress& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return "cannot open a socket: " + error_text();
  const int failed = ::connect(probe, address.raw(), address.length()) == 0 ? 0 : errno;
  ::close(probe);
  if (failed == ECONNREFUSED) return {};
  // EAGAIN: its backlog is full. EPROTOTYPE: somebody takes datagrams there.
  if (failed == 0 || failed == EAGAIN || failed == EPROTOTYPE) return "another process listens there";
  return "cannot tell whether it is in use: " + std::string(std::strerror(failed));
}

// Removes a stale socket; returns "" when the path is free.
std::string make_way(const SocketAddress& address) {
  const std::string path = path_of(address);
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? "" : error_text();
  if (!S_ISSOCK(found.st_mode)) return not_a_socket(path, found.st_mode);
  if (std::string why = in_use(address); !why.empty()) return why;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return "cannot remove the old socket: " + error_text();
  return {};
}

}  // namespace

SocketObstacle socket_obstacle(const SocketAddress& address) {
  const std::string path = path_of(address);
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) {
    // A socket may be our own running process's: who answers there is asked at start.
    if (S_ISSOCK(found.st_mode)) return {};
    return {not_a_socket(path, found.st_mode), false};
  }
  if (errno == EACCES) return {};  // another user's directory: a check needs no rights
  const std::string directory = directory_of(path);
  if (::stat(directory.c_str(), &found) != 0) {
    if (errno == EACCES) return {};
    // /run is empty after boot, and a service's directory there comes and goes with the service.
    const bool transient = directory.starts_with("/run/") || directory.starts_with("/var/run/");
    return {"the directory " + directory + ": " + error_text(), errno == ENOENT && transient};
  }
  if (!S_ISDIR(found.st_mode)) return {directory + " is no directory", false};
  return {};
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), pin_(std::exchange(other.pin_, -1)) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    pin_ = std::exchange(other.pin_, -1);
  }
  return *this;
}

std::string SocketFile::listen(const SocketAddress& address, int backlog, mode_t mode, int& fd) {
  fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return "cannot open a socket for " + address.text() + ": " + error_text();
  std::string error;
  {
    // Until it listens: before that another process would take it for stale.
    const DirectoryLock lock(directory_of(path_of(address)));
    error = lock.held() ? make_way(address) : "cannot lock its directory: " + error_text();
    if (error.empty()) error = bind(address, mode, fd);
    if (error.empty() && ::listen(fd, backlog) != 0) error = error_text();
  }
  if (error.empty()) return {};
  remove();
  ::close(fd);
  fd = -1;
  return "cannot listen on " + address.text() + ": " + error;
}

std::string SocketFile::bind(const SocketAddress& address, mode_t mode, int fd) {
  // The file is born with this mode, less what the umask takes: never wider than it shall be.
  ::fchmod(fd, mode);
  if (::bind(fd, address.raw(), address.length()) != 0) return error_text();
  path_ = path_of(address);
  pin_ = ::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (pin_ < 0) return error_text();
  if (mode == kByUmask || ::fchmodat(AT_FDCWD, path_.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return {};
  return "cannot set its mode: " + error_text();
}

void SocketFile::remove() {
  if (pin_ < 0) return;
  const DirectoryLock lock(directory_of(path_));
  struct stat ours {};
  struct stat there {};
  // Without the lock it stays: whoever comes next finds that nobody answers.
  if (lock.held() && ::fstat(pin_, &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
      ours.st_ino == there.st_ino && ours.st_dev == there.st_dev) {
    ::unlink(path_.c_str());
  }
  ::close(std::exchange(pin_, -1));
}

}  // namespace sluice
