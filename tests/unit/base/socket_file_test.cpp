#include "sluice/base/socket_file.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

// A directory of its own, removed with what is in it.
class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sluice-unit-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() {
    for (const char* file : {"a", "b", "c"}) {
      ::unlink((path_ + '/' + file).c_str());
      ::rmdir((path_ + '/' + file).c_str());
    }
    ::rmdir(path_.c_str());
  }
  std::string file(const char* name) const { return path_ + '/' + name; }
  SocketAddress address(const std::string& name) const {
    return *SocketAddress::parse("unix:" + path_ + '/' + name);
  }

 private:
  std::string path_;
};

// A socket that listens, as long as it lives.
struct Listening {
  explicit Listening(const SocketAddress& address, mode_t mode = SocketFile::kByUmask) {
    error = file.listen(address, 16, mode, fd);
  }
  ~Listening() { close(); }
  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  SocketFile file;
  int fd = -1;
  std::string error;
};

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

bool answers(const SocketAddress& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(fd, address.raw(), address.length()) == 0;
  ::close(fd);
  return connected;
}

// What SIGKILL leaves: a socket's file, and nobody behind it.
void leave_stale(const SocketAddress& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(fd, address.raw(), address.length()) == 0);
  ::close(fd);
}

}  // namespace

TEST_CASE("a socket's file is made and goes with its owner", "[base]") {
  const Folder folder;
  {
    const Listening socket(folder.address("a"));
    CHECK(socket.error.empty());
    CHECK(answers(folder.address("a")));
    CHECK(socket_obstacle(folder.address("a")).what.empty());
  }
  CHECK_FALSE(exists(folder.file("a")));
}

TEST_CASE("the mode is exact, or the umask's", "[base]") {
  const Folder folder;
  const mode_t before = ::umask(0027);
  const Listening exact(folder.address("a"), 0660);
  const Listening by_umask(folder.address("b"));
  ::umask(before);
  CHECK(mode_of(folder.file("a")) == 0660);
  CHECK(mode_of(folder.file("b")) == 0750);
}

TEST_CASE("only a socket on which nobody answers is replaced", "[base]") {
  const Folder folder;
  const SocketAddress address = folder.address("a");
  const std::string path = folder.file("a");
  std::string what;

  SECTION("stale") {
    leave_stale(address);
    const Listening socket(address);
    CHECK(socket.error.empty());
    CHECK(answers(address));
    return;
  }
  SECTION("file") {
    std::ofstream(path) << "precious";
    what = "a file";
  }
  SECTION("directory") {
    REQUIRE(::mkdir(path.c_str(), 0700) == 0);
    what = "a directory";
  }
  SECTION("pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    what = "a pipe";
  }
  SECTION("link to a stale socket") {
    leave_stale(folder.address("b"));
    REQUIRE(::symlink(folder.file("b").c_str(), path.c_str()) == 0);
    what = "a symbolic link";
  }
  SECTION("link to nothing") {
    REQUIRE(::symlink("/nonexistent", path.c_str()) == 0);
    what = "a symbolic link";
  }
  CHECK(socket_obstacle(address).what.find(what) != std::string::npos);
  {
    const Listening socket(address);
    CHECK(socket.error.find(what) != std::string::npos);
    CHECK(socket.fd == -1);
  }
  CHECK(exists(path));
}

TEST_CASE("somebody who answers is left alone", "[base]") {
  const Folder folder;
  const SocketAddress address = folder.address("a");
  const Listening first(address);
  {
    const Listening second(address);
    CHECK(second.error.find("another process listens there") != std::string::npos);
  }
  CHECK(answers(address));
}

TEST_CASE("a socket for datagrams is left alone", "[base]") {
  const Folder folder;
  const SocketAddress address = folder.address("a");
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(fd, address.raw(), address.length()) == 0);
  CHECK_FALSE(Listening(address).error.empty());
  CHECK(exists(folder.file("a")));
  ::close(fd);
}

TEST_CASE("what another process put in our place stays", "[base]") {
  const Folder folder;
  const SocketAddress address = folder.address("a");
  std::optional<Listening> ours(std::in_place, address);
  ours->close();
  const Listening theirs(address);
  CHECK(theirs.error.empty());
  ours.reset();
  CHECK(answers(address));
}

TEST_CASE("of many that start at once one gets the path", "[base]") {
  const Folder folder;
  const SocketAddress address = folder.address("a");
  for (int round = 0; round < 20; ++round) {
    leave_stale(address);
    std::vector<std::unique_ptr<Listening>> started(4);
    std::vector<std::thread> threads;
    for (auto& one : started)
      threads.emplace_back([&] { one = std::make_unique<Listening>(address); });
    for (auto& thread : threads)
      thread.join();
    int listening = 0;
    for (const auto& one : started)
      listening += one->error.empty() ? 1 : 0;
    CHECK(listening == 1);
    CHECK(answers(address));
  }
}

TEST_CASE("a directory that is missing is an obstacle, but below /run it may come", "[base]") {
  const Folder folder;
  const SocketObstacle missing = socket_obstacle(folder.address("c/a"));
  CHECK_FALSE(missing.what.empty());
  CHECK_FALSE(missing.may_go_by_then);
  const SocketObstacle run = socket_obstacle(*SocketAddress::parse("unix:/run/sluice-none/a"));
  CHECK_FALSE(run.what.empty());
  CHECK(run.may_go_by_then);
  std::ofstream(folder.file("c")) << "";
  CHECK_FALSE(socket_obstacle(folder.address("c/a")).what.empty());
  CHECK_FALSE(socket_obstacle(folder.address("c/a")).may_go_by_then);
}
