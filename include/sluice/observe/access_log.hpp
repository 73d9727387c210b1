// One line per exchange, JSON or the "combined" format of Apache and nginx. Each worker formats into a buffer
// of its own and hands over whole lines.
#pragma once

#include "sluice/config/document.hpp"
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

// One worker's end of the log.
class AccessLog {
 public:
  ~AccessLog() { flush(); }
  void configure(std::shared_ptr<AccessFile> file, config::LogFormat format, bool query);
  bool on() const { return file_ != nullptr; }
  void write(const http::Exchange& exchange);
  // Hands the buffer to the file. Called by the worker a few times per second, and when it grows.
  void flush();
  // What is not handed over yet.
  std::string_view pending() const { return buffer_; }

 private:
  void write_json(const http::Exchange& exchange);
  void write_combined(const http::Exchange& exchange);
  std::string_view shown_target(const http::Exchange& exchange) const;

  std::shared_ptr<AccessFile> file_;
  std::string buffer_;
  config::LogFormat format_ = config::LogFormat::json;
  bool query_ = false;
};

}  // namespace sluice::observe
