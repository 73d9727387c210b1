// One line per exchange, JSON or the "combined" format of Apache and nginx. Each worker formats into a buffer
// of its own and hands over whole lines.
#pragma once

#include "sluice/http/exchange.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::observe {

class LineSink;

// Where the lines of all workers go.
class AccessFile {
 public:
  // `where`: "stderr" or a path. Does not wait, not for the reader of a FIFO either. nullptr when it cannot
  // be opened; errno tells why.
  static std::shared_ptr<AccessFile> open(const std::string& where);
  // Waits for what is not written yet, for a second at most.
  ~AccessFile();
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;
  // Takes over whole lines and leaves an empty buffer; does not wait. Lines of several workers do not mix, on
  // a pipe either. Those that cannot be written are counted and passed over: a full disk must not stop
  // traffic.
  void append(std::string& lines);
  // Opens the path anew for all that is appended from now on. false, errno, and no change where that fails.
  bool reopen();
  // The end, as in the destructor: what is appended later is lost.
  void close();

 private:
  AccessFile(std::string path, std::shared_ptr<LineSink> sink);
  std::string path_;  // empty: stderr, which is not ours to open or close
  std::shared_ptr<LineSink> sink_;
};

enum class LogFormat : std::uint8_t { json, combined };

// Where lines go, and what they look like.
struct AccessSpec {
  std::shared_ptr<AccessFile> file;  // empty: nowhere
  LogFormat format = LogFormat::json;
  bool query = false;  // whether query strings are shown
};

// One worker's end of the log.
class AccessLog {
 public:
  ~AccessLog() { flush(); }
  void configure(AccessSpec spec);
  bool on() const { return spec_.file != nullptr; }
  void write(const http::Exchange& exchange);
  // Hands the buffer to the file. Called by the worker a few times per second, and when it grows.
  void flush();
  // What is not handed over yet.
  std::string_view pending() const { return buffer_; }

 private:
  void write_json(const http::Exchange& exchange);
  void write_combined(const http::Exchange& exchange);
  std::string_view shown_target(const http::Exchange& exchange) const;

  AccessSpec spec_;
  std::string buffer_;
};

}  // namespace sluice::observe
