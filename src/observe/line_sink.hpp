// Where lines go, written by a thread of its own. Who hands lines over never waits, neither for a disk nor
// for a pipe that nobody reads: what there is no room for is lost and counted. Whole lines only, in order.
// docs/decisions/0012-log-writing.md says why.
#pragma once

#include "sluice/observe/counters.hpp"
#include "sluice/observe/log.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::observe {

struct SinkSettings {
  std::string name;              // in what it tells
  std::size_t most = 4U << 20U;  // bytes that may wait to be written
  // Told of lines that are lost and of the end of it; by any thread, and no lock is held meanwhile.
  std::function<void(LogLevel, std::string_view)> tell;
  // Whether it can tell while lines are being lost, and not of the end only: not where that goes here too.
  bool tells_at_once = true;
  // How long what comes next, another descriptor or the end, waits for what is still unwritten.
  Nanos patience = 1'000'000'000;
};

class LineSink {
 public:
  // Takes `fd` over, unless it is standard error, which is everybody's. It may be blocking: then no more is
  // written at once than poll(2) promises to be taken. Throws std::system_error without a thread or a
  // descriptor left for it.
  LineSink(int fd, SinkSettings settings);
  ~LineSink();
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  // Takes over `lines`, each with its end, and leaves an empty buffer. From any thread.
  void put(LogKind kind, std::string& lines);
  // What is put from now on goes to `fd`, and all before it to the one before.
  void reopen(int fd);
  // Waits until all is written or lost, at most as long as the patience lasts.
  void flush();
  // The same, and the end: what is put later is lost.
  void close();

 private:
  class Writer;
  std::shared_ptr<Writer>
      writer_;  // also the thread's, which may be stuck in a write for longer than we wait
  std::thread thread_;
};

}  // namespace sluice::observe
