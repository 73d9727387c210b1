// One line per exchange, JSON or the "combined" format of Apache and nginx. Each worker formats into a buffer
// of its own and hands over whole lines.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/http/exchange.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace sluice::observe {

// An open log file, shared by all workers.
class AccessFile {
 public:
  // `where`: "stderr" or a path. nullptr when it cannot be opened; errno tells why.
  static std::shared_ptr<AccessFile> open(const std::string& where);
  ~AccessFile();
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;
  // Whole lines; what several workers write does not mix, on a pipe either. Errors are passed over: a full
  // disk must not stop traffic.
  void append(std::string_view lines);

 private:
  explicit AccessFile(int fd) : fd_(fd) {}
  int fd_;
  std::mutex mutex_;
};

// What the exchange itself does not know.
struct AccessDetails {
  std::string_view pool;
  std::string_view server;
  std::string_view route;  // file:line
  std::uint8_t attempts = 0;
  Nanos duration = 0;
  Nanos upstream = 0;
  Nanos connect = 0;
  Nanos queued = 0;
  std::uint64_t generation = 0;
};

// One worker's end of the log.
class AccessLog {
 public:
  ~AccessLog() { flush(); }
  void configure(std::shared_ptr<AccessFile> file, config::LogFormat format, bool query);
  bool on() const { return file_ != nullptr; }
  void write(const http::Exchange& exchange, const AccessDetails& details);
  // Hands the buffer to the file. Called by the worker a few times per second, and when it grows.
  void flush();
  bool pending() const { return !buffer_.empty(); }

 private:
  void write_json(const http::Exchange& exchange, const AccessDetails& details);
  void write_combined(const http::Exchange& exchange);
  std::string_view shown_target(const http::Exchange& exchange) const;

  std::shared_ptr<AccessFile> file_;
  std::string buffer_;
  config::LogFormat format_ = config::LogFormat::json;
  bool query_ = false;
};

}  // namespace sluice::observe
