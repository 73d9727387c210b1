// Where a test lets lines go: pipes, FIFOs and files of its own.
#pragma once

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

namespace sluice::test {

class PipePair {
 public:
  PipePair() { REQUIRE(::pipe2(fds_, O_CLOEXEC) == 0); }
  ~PipePair() {
    close_reader();
    close_writer();
  }
  PipePair(const PipePair&) = delete;
  PipePair& operator=(const PipePair&) = delete;
  int reader() const { return fds_[0]; }
  int writer() const { return fds_[1]; }
  int take_writer() { return std::exchange(fds_[1], -1); }
  void close_reader() { close(fds_[0]); }
  void close_writer() { close(fds_[1]); }

  // Reads until `size` bytes are there or nothing can come any more.
  std::string read(std::size_t size) const {
    std::string out;
    char piece[4096];
    while (out.size() < size) {
      const ssize_t got = ::read(fds_[0], piece, std::min(sizeof piece, size - out.size()));
      if (got <= 0) break;
      out.append(piece, static_cast<std::size_t>(got));
    }
    return out;
  }
  std::string rest() const { return read(SIZE_MAX); }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int fds_[2]{-1, -1};
};

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sluice-unit-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace sluice::test
