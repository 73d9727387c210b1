// The sink with a pipe, whose reader is the test.
#include "observe/line_sink.hpp"

#include "sluice/base/clock.hpp"

#include "unit/observe/pipe_fixture.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::observe;
using namespace sluice::test;

namespace {

// What a sink tells.
class Told {
 public:
  SinkSettings settings(std::size_t most = 1U << 20U) {
    SinkSettings out;
    out.name = "here";
    out.most = most;
    out.patience = 50'000'000;
    out.tell = [this](LogLevel level, std::string_view line) {
      const std::lock_guard lock(mutex_);
      lines_.emplace_back(std::string(level == LogLevel::warn ? "warn " : "info ") += line);
      changed_.notify_all();
    };
    return out;
  }
  std::string wait(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() > number; });
    return lines_[number];
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

void put(LineSink& sink, std::string lines, LogKind kind = LogKind::access) { sink.put(kind, lines); }

std::string numbered(int from, int to, std::size_t length = 0) {
  std::string out;
  for (int i = from; i < to; ++i)
    out += std::to_string(i) + std::string(length, '.') + '\n';
  return out;
}

std::uint64_t lost_since(std::uint64_t before) { return counted_lost(LogKind::access) - before; }

}  // namespace

TEST_CASE("lines are written in order, each by one call", "[observe][sink]") {
  PipePair pipe;
  Told told;
  LineSink sink(pipe.take_writer(), told.settings());
  for (int i = 0; i < 5000; ++i)
    put(sink, numbered(i, i + 1));
  const std::string wanted = numbered(0, 5000);
  CHECK(pipe.read(wanted.size()) == wanted);
  sink.flush();
  CHECK(told.count() == 0);
}

TEST_CASE("the buffer comes back empty, and a full one for another", "[observe][sink]") {
  PipePair pipe;
  Told told;
  LineSink sink(pipe.take_writer(), told.settings());
  std::string buffer;
  buffer.reserve(32 * 1024);
  buffer = "a little\n";
  const char* const before = buffer.data();
  sink.put(LogKind::access, buffer);
  CHECK(buffer.empty());
  CHECK(buffer.data() == before);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    buffer = numbered(0, 3000);
    all += buffer;
    sink.put(LogKind::access, buffer);
    CHECK(buffer.empty());
    CHECK(pipe.read(i == 0 ? 9 + 13890 : 13890).size() >= 13890);
  }
  CHECK(all.size() == 20 * 13890);
}

TEST_CASE("what nobody reads is lost beyond the bound, in whole lines, and told", "[observe][sink]") {
  PipePair pipe;
  Told told;
  const std::uint64_t before = counted_lost(LogKind::access);
  LineSink sink(pipe.take_writer(), told.settings(100'000));
  for (int i = 0; i < 1000; ++i)
    put(sink, numbered(i, i + 1, 996));
  const std::uint64_t lost = lost_since(before);
  CHECK(lost > 700);  // a pipe holds 64 KiB
  CHECK(told.wait(0) == "warn here: it is not taken as fast as it comes; lines dropped: 1");
  CHECK(told.count() == 1);
  // Who reads again sees those that were taken, from the first on, and then the next.
  std::string seen = pipe.read((1000 - lost) * 998);
  CHECK(std::count(seen.begin(), seen.end(), '\n') >= static_cast<std::ptrdiff_t>(1000 - lost) - 4);
  CHECK(seen.starts_with(numbered(0, 100, 996)));
  CHECK(told.wait(1) == "info here: lines are written again; dropped: " + std::to_string(lost));
  CHECK(lost_since(before) == lost);
}

TEST_CASE("the process's own lines find room where others do not", "[observe][sink]") {
  PipePair pipe;
  Told told;
  const std::uint64_t before = counted_lost(LogKind::process);
  LineSink sink(pipe.take_writer(), told.settings(100'000));
  for (int i = 0; i < 1000; ++i)
    put(sink, numbered(i, i + 1, 996));
  put(sink, "important\n", LogKind::process);
  CHECK(counted_lost(LogKind::process) == before);
}

TEST_CASE("a line longer than the bound is written when it is alone", "[observe][sink]") {
  PipePair pipe;
  Told told;
  LineSink sink(pipe.take_writer(), told.settings(1000));
  const std::string line = std::string(500'000, 'x') + '\n';
  put(sink, line);
  CHECK(pipe.read(line.size()) == line);
}

TEST_CASE("a reader that has gone costs the lines and nothing else", "[observe][sink]") {
  PipePair pipe;
  Told told;
  const std::uint64_t before = counted_lost(LogKind::access);
  LineSink sink(pipe.take_writer(), told.settings());
  pipe.close_reader();
  put(sink, numbered(0, 10));
  CHECK(told.wait(0) == "warn here: Broken pipe; lines dropped: 10");
  put(sink, numbered(0, 10));
  sink.flush();
  CHECK(lost_since(before) == 20);
}

TEST_CASE("the end does not wait for a reader that stalls", "[observe][sink]") {
  PipePair pipe;
  Told told;
  const std::uint64_t before = counted_lost(LogKind::access);
  {
    LineSink sink(pipe.take_writer(), told.settings());
    put(sink, numbered(0, 300, 996));
  }
  CHECK(told.wait(0).starts_with("warn here: nobody takes what is left; "));
  const std::string seen = pipe.rest();
  CHECK(seen == numbered(0, static_cast<int>(300 - lost_since(before)), 996));
}

TEST_CASE("what is put after the end is lost", "[observe][sink]") {
  PipePair pipe;
  Told told;
  const std::uint64_t before = counted_lost(LogKind::access);
  LineSink sink(pipe.take_writer(), told.settings());
  put(sink, "before\n");
  sink.close();
  put(sink, "after\n");
  sink.close();
  CHECK(lost_since(before) == 1);
  pipe.close_writer();
}

TEST_CASE("after reopen() lines go to the new descriptor, in order", "[observe][sink]") {
  Folder folder;
  Told told;
  const auto open = [&](int n) {
    return ::open((folder / std::to_string(n)).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  };
  std::string all;
  {
    LineSink sink(open(0), told.settings());
    for (int i = 0; i < 1000; ++i) {
      put(sink, numbered(i, i + 1));
      if (i % 100 == 99) sink.reopen(open(i / 100 + 1));
    }
  }
  for (int n = 0; n < 10; ++n)
    CHECK(content_of(folder / std::to_string(n)) == numbered(n * 100, n * 100 + 100));
  CHECK(content_of(folder / "10").empty());
}

TEST_CASE("what a stalled reader holds up gives way to the next descriptor", "[observe][sink]") {
  PipePair stalled;
  PipePair next;
  Told told;
  LineSink sink(stalled.take_writer(), told.settings());
  put(sink, numbered(0, 300, 996));
  sink.reopen(::dup(stalled.reader()));  // superseded before it is reached
  sink.reopen(next.take_writer());
  put(sink, "here\n");
  CHECK(next.read(5) == "here\n");
  CHECK(told.wait(0).starts_with("warn here: nobody takes what is left; "));
}

TEST_CASE("several threads lose nothing and mix nothing", "[observe][sink]") {
  PipePair pipe;
  Told told;
  LineSink sink(pipe.take_writer(), told.settings());
  constexpr int kThreads = 4;
  constexpr int kLines = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&sink, t] {
      for (int i = 0; i < kLines; ++i)
        put(sink, std::to_string(t) + ' ' + std::to_string(i) + '\n');
    });
  }
  std::vector<int> seen(kThreads);
  std::string rest;
  for (int lines = 0; lines < kThreads * kLines;) {
    rest += pipe.read(1);
    if (rest.back() != '\n') continue;
    int& expected = seen[static_cast<std::size_t>(rest[0] - '0')];
    if (rest != std::string{rest[0]} + ' ' + std::to_string(expected) + '\n') FAIL(rest);
    ++expected;
    ++lines;
    rest.clear();
  }
  for (std::thread& thread : threads)
    thread.join();
}

TEST_CASE("a line that the disk took half of is ended before the next", "[observe][sink]") {
  Folder folder;
  Told told;
  const std::string path = folder / "log";
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit small{1000, old.rlim_max};
  {
    LineSink sink(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), told.settings());
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    put(sink, numbered(0, 3, 600));
    CHECK(told.wait(0) == "warn here: File too large; lines dropped: 1");
    put(sink, "no\n");
    sink.flush();
    CHECK(content_of(path).size() == 1000);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
    put(sink, "again\n");
  }
  CHECK(content_of(path) == numbered(0, 2, 600) + "again\n");
}

TEST_CASE("a socket is written to without waiting", "[observe][sink]") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Told told;
  const std::uint64_t before = counted_lost(LogKind::access);
  {
    LineSink sink(ends[1], told.settings());
    put(sink, numbered(0, 1000, 996));
  }
  CHECK(lost_since(before) > 0);
  char byte = 0;
  CHECK(::read(ends[0], &byte, 1) == 1);
  ::close(ends[0]);
}

TEST_CASE("a descriptor that is none loses lines", "[observe][sink]") {
  Told told;
  LineSink sink(-1, told.settings());
  put(sink, "nowhere\n");
  CHECK(told.wait(0) == "warn here: Bad file descriptor; lines dropped: 1");
}
