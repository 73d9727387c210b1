#include "observe/line_target.hpp"

#include <climits>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::observe {
namespace {

// As many lines as a pipe takes whole: it neither splits them nor mixes them with those of other writers, and
// one for which poll(2) says that there is room takes them at once. Of a longer line its beginning.
std::string_view piece_of(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text;
  const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  return text.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

LineTarget::LineTarget(int fd) { reset(fd); }

void LineTarget::reset(int fd) {
  if (fd_ > STDERR_FILENO) ::close(fd_);
  fd_ = fd;
  struct stat status {};
  const bool known = ::fstat(fd, &status) == 0;
  polled_ = known && !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
  socket_ = known && S_ISSOCK(status.st_mode);
  pieces_ = polled_ && !socket_;
}

ssize_t LineTarget::write(std::string_view text) const {
  if (socket_) return ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const std::string_view piece = pieces_ ? piece_of(text) : text;
  return ::write(fd_, piece.data(), piece.size());
}

int open_log(const char* path) {
  // A FIFO is opened for reading too: then there is always a reader, so that opening it does not fail for
  // want of one, and what is in it stays there when the other reader goes.
  struct stat status {};
  const bool fifo = ::stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
  const int how = fifo ? O_RDWR : O_WRONLY | O_APPEND | O_CREAT;
  return ::open(path, how | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
}

}  // namespace sluice::observe
