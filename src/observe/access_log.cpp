#include "sluice/observe/access_log.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/observe/log.hpp"

#include "observe/line_target.hpp"
#include "observe/process_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace sluice::observe {
namespace {

constexpr std::size_t kFlushAt = 32 * 1024;

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c)
    table[c] = c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
  return table;
}();

// The first byte from `at` on that is not shown as it is, or `end`.
const char* end_of_plain(const char* at, const char* end) {
#if defined(__SSE2__)
  const auto escaped = [](const char* block) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block));
    // Signed: bytes from 0x80 on are negative, and below a space as the controls are.
    const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    const __m128i dels = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    const __m128i quotes =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, dels), quotes)));
  };
  if (end - at >= 16) {
    for (; end - at >= 16; at += 16) {
      if (const unsigned mask = escaped(at); mask != 0) return at + __builtin_ctz(mask);
    }
    // The rest, together with bytes that are known to be plain.
    const unsigned mask = escaped(end - 16);
    return mask != 0 ? end - 16 + __builtin_ctz(mask) : end;
  }
#endif
  while (at != end && !kEscaped[static_cast<unsigned char>(*at)])
    ++at;
  return at;
}

// JSON string contents. Bytes above ASCII are shown as Latin-1: field values need not be UTF-8.
void escape(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    const char* const stop = end_of_plain(at, end);
    out.append(at, static_cast<std::size_t>(stop - at));
    if (stop == end) return;
    const auto byte = static_cast<unsigned char>(*stop);
    if (byte == '"' || byte == '\\') {
      const char code[] = {'\\', *stop};
      out.append(code, sizeof code);
    } else {
      const char code[] = {'\\', 'u', '0', '0', kHex[byte >> 4U], kHex[byte & 15U]};
      out.append(code, sizeof code);
    }
    at = stop + 1;
  }
}

void number(std::string& out, std::uint64_t value) { out += Decimal(value).view(); }

// `,"name":`, and with the quote that begins a text, made of a name when this is compiled.
class Key {
 public:
  template <std::size_t N>
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is one
  consteval Key(const char (&name)[N]) : size_(N + 3) {
    static_assert(N + 4 <= sizeof text_);
    text_[0] = ',';
    text_[1] = text_[N + 1] = '"';
    text_[N + 2] = ':';
    text_[N + 3] = '"';
    std::copy_n(name, N - 1, text_ + 2);
  }
  std::string_view view() const { return {text_, size_}; }
  std::string_view with_quote() const { return {text_, size_ + 1}; }

 private:
  char text_[24]{};
  std::size_t size_;
};

void number(std::string& out, const Key& key, std::uint64_t value) {
  out += key.view();
  number(out, value);
}

// With three decimals.
void milliseconds(std::string& out, const Key& key, Nanos time) {
  const auto micros = static_cast<std::uint64_t>(std::max<Nanos>(time, 0) + 500) / 1000;
  number(out, key, micros / 1000);
  const auto rest = static_cast<unsigned>(micros % 1000);
  const char decimals[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
  out.append(decimals, sizeof decimals);
}

void text(std::string& out, const Key& key, std::string_view value) {
  if (value.empty()) return;
  out += key.with_quote();
  escape(out, value);
  out += '"';
}

std::string_view protocol(const http::RequestHead& request) {
  if (request.major == 2) return "HTTP/2";
  return request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

std::string_view or_dash(std::string_view value) { return value.empty() ? "-" : value; }

}  // namespace

std::shared_ptr<AccessFile> AccessFile::open(const std::string& where) {
  if (where == "stderr") return std::shared_ptr<AccessFile>(new AccessFile({}, process_log()));
  const int fd = open_log(where.c_str());
  if (fd < 0) return nullptr;
  try {
    auto sink =
        std::make_shared<LineSink>(fd, SinkSettings{.name = "access log " + where, .tell = write_log});
    return std::shared_ptr<AccessFile>(new AccessFile(where, std::move(sink)));
  } catch (const std::system_error& error) {
    errno = error.code().value();
    return nullptr;
  }
}

AccessFile::AccessFile(std::string path, std::shared_ptr<LineSink> sink)
    : path_(std::move(path)), sink_(std::move(sink)) {}

AccessFile::~AccessFile() = default;

void AccessFile::append(std::string& lines) { sink_->put(LogKind::access, lines); }

bool AccessFile::reopen() {
  if (path_.empty()) return true;
  const int fd = open_log(path_.c_str());
  if (fd < 0) return false;
  sink_->reopen(fd);
  return true;
}

void AccessFile::close() {
  if (!path_.empty()) sink_->close();
}

void AccessLog::configure(AccessSpec spec) {
  flush();
  spec_ = std::move(spec);
}

std::string_view AccessLog::shown_target(const http::Exchange& exchange) const {
  const std::string_view target = exchange.request.target;
  return spec_.query ? target : target.substr(0, target.find('?'));
}

void AccessLog::write(const http::Exchange& exchange) {
  if (spec_.format == LogFormat::json) {
    write_json(exchange);
  } else {
    write_combined(exchange);
  }
  if (buffer_.size() >= kFlushAt) flush();
}

void AccessLog::write_json(const http::Exchange& exchange) {
  const http::Record& record = exchange.record;
  const http::RequestHead& request = exchange.request;
  std::string& out = buffer_;
  out += "{\"ts\":\"";
  out += timestamp();
  out += '"';
  number(out, "status", exchange.response.status);
  text(out, "request_id", exchange.request_id);
  text(out, "tenant", exchange.tenant);
  text(out, "client_ip", exchange.client_ip);
  text(out, "method", request.method_text);
  text(out, "host", request.host);
  text(out, "path", shown_target(exchange));
  text(out, "protocol", protocol(request));
  number(out, "bytes_in", record.bytes_in);
  number(out, "bytes_out", record.bytes_out);
  milliseconds(out, "duration_ms", record.ended - record.started);
  if (record.queued != 0) milliseconds(out, "queue_ms", record.queued);
  if (record.attempts != 0) {
    milliseconds(out, "upstream_ms", record.first_byte);
    milliseconds(out, "connect_ms", record.connect);
    number(out, "attempts", record.attempts);
  }
  text(out, "tls_version", exchange.origin.tls_version);
  text(out, "sni", exchange.origin.sni);
  if (!record.route_file.empty()) {
    text(out, "route", record.route_file);
    out.back() = ':';  // of the file's text
    number(out, record.route_line);
    out += '"';
  }
  text(out, "pool", record.pool);
  text(out, "server", record.server);
  text(out, "error", record.error);
  text(out, "limited", record.limited);
  if (record.rule != Rule::none) {
    text(out, "error_rule", to_string(record.rule));
    text(out, "error_details", record.details);
  }
  number(out, "config_generation", record.generation);
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
  const std::size_t length = std::strftime(when, sizeof when, " - - [%d/%b/%Y:%H:%M:%S +0000] \"", &parts);
  std::string& out = buffer_;
  escape(out, or_dash(exchange.client_ip));
  out.append(when, length);
  escape(out, or_dash(request.method_text));
  out += ' ';
  escape(out, or_dash(shown_target(exchange)));
  out += ' ';
  out += protocol(request);
  out += "\" ";
  number(out, exchange.response.status);
  out += ' ';
  number(out, exchange.record.bytes_out);
  out += " \"";
  escape(out, or_dash(request.fields.value(http::FieldId::referer)));
  out += "\" \"";
  escape(out, or_dash(request.fields.value(http::FieldId::user_agent)));
  out += "\"\n";
}

void AccessLog::flush() {
  if (spec_.file != nullptr && !buffer_.empty()) spec_.file->append(buffer_);
  buffer_.clear();
}

}  // namespace sluice::observe
