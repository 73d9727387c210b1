#include "sluice/observe/access_log.hpp"

#include "sluice/observe/log.hpp"

#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>

namespace sluice::observe {
namespace {

constexpr std::size_t kFlushAt = 32 * 1024;

using Out = std::back_insert_iterator<std::string>;

// JSON string contents. Bytes above ASCII are shown as Latin-1: field values need not be UTF-8.
void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(Out(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
}

void text(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += name;
  out += "\":\"";
  escape(out, value);
  out += '"';
}

std::string_view protocol(const http::RequestHead& request) {
  if (request.major == 2) return "HTTP/2";
  return request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

double milliseconds(Nanos time) { return static_cast<double>(time) / 1e6; }

std::string_view or_dash(std::string_view value) { return value.empty() ? "-" : value; }

}  // namespace

std::shared_ptr<AccessFile> AccessFile::open(const std::string& where) {
  const int fd = where == "stderr" ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
                                   : ::open(where.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  return fd < 0 ? nullptr : std::shared_ptr<AccessFile>(new AccessFile(fd));
}

AccessFile::~AccessFile() { ::close(fd_); }

void AccessFile::append(std::string_view lines) {
  const std::lock_guard lock(mutex_);
  while (!lines.empty()) {
    const ssize_t written = ::write(fd_, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
}

void AccessLog::configure(std::shared_ptr<AccessFile> file, config::LogFormat format, bool query) {
  flush();
  file_ = std::move(file);
  format_ = format;
  query_ = query;
}

std::string_view AccessLog::shown_target(const http::Exchange& exchange) const {
  const std::string_view target = exchange.request.target;
  return query_ ? target : target.substr(0, target.find('?'));
}

void AccessLog::write(const http::Exchange& exchange, const AccessDetails& details) {
  if (format_ == config::LogFormat::json) {
    write_json(exchange, details);
  } else {
    write_combined(exchange);
  }
  if (buffer_.size() >= kFlushAt) flush();
}

void AccessLog::write_json(const http::Exchange& exchange, const AccessDetails& details) {
  const http::RequestHead& request = exchange.request;
  std::string& out = buffer_;
  fmt::format_to(Out(out), "{{\"ts\":\"{}\",\"status\":{}", timestamp(), exchange.response.status);
  text(out, "request_id", exchange.request_id);
  text(out, "tenant", exchange.tenant);
  text(out, "client_ip", exchange.client_ip);
  text(out, "method", request.method_text);
  text(out, "host", request.host);
  text(out, "path", shown_target(exchange));
  fmt::format_to(Out(out), ",\"protocol\":\"{}\"", protocol(request));
  fmt::format_to(Out(out), ",\"bytes_in\":{},\"bytes_out\":{},\"duration_ms\":{:.3f}",
                 exchange.account.bytes_in, exchange.account.bytes_out, milliseconds(details.duration));
  if (details.attempts != 0) {
    fmt::format_to(Out(out), ",\"upstream_ms\":{:.3f},\"connect_ms\":{:.3f},\"attempts\":{}",
                   milliseconds(details.upstream), milliseconds(details.connect), details.attempts);
  }
  text(out, "tls_version", exchange.origin.tls_version);
  text(out, "sni", exchange.origin.sni);
  text(out, "route", details.route);
  text(out, "pool", details.pool);
  text(out, "server", details.server);
  text(out, "error", exchange.account.error);
  fmt::format_to(Out(out), ",\"config_generation\":{}", details.generation);
  text(out, "user_agent", request.fields.value(http::FieldId::user_agent));
  text(out, "referer", request.fields.value(http::FieldId::referer));
  out += "}\n";
}

void AccessLog::write_combined(const http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char when[40];
  std::strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &parts);
  std::string& out = buffer_;
  fmt::format_to(Out(out), "{} - - [{}] \"{} ", or_dash(exchange.client_ip), when,
                 or_dash(request.method_text));
  escape(out, or_dash(shown_target(exchange)));
  fmt::format_to(Out(out), " {}\" {} {} \"", protocol(request), exchange.response.status,
                 exchange.account.bytes_out);
  escape(out, or_dash(request.fields.value(http::FieldId::referer)));
  out += "\" \"";
  escape(out, or_dash(request.fields.value(http::FieldId::user_agent)));
  out += "\"\n";
}

void AccessLog::flush() {
  if (file_ != nullptr && !buffer_.empty()) file_->append(buffer_);
  buffer_.clear();
}

}  // namespace sluice::observe
