// The top of the file, and the settings that concern the process as a whole.
#include "config/address.hpp"
#include "config/file.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <array>
#include <sys/stat.h>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::uint64_t kMostConnections = 10'000'000;
constexpr std::uint64_t kLeastLimitKeys = 1'000;
constexpr std::uint64_t kMostLimitKeys = 100'000'000;
constexpr std::uint64_t kMostWorkers = 1024;
constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kDefaultAdmin = "unix:/run/sluice/admin.sock";

constexpr std::array<std::string_view, 4> kLevelWords{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kFormatWords{"json", "combined"};
constexpr std::array<std::string_view, 2> kProcessFormatWords{"text", "json"};
constexpr Choices kLevels{kLevelWords, {}};
constexpr Choices kFormats{kFormatWords, {}};
constexpr Choices kProcessFormats{kProcessFormatWords, {}};

void read_version(const Cursor& at, Document&) {
  const auto version = read_whole(at, 0, UINT32_MAX);
  if (version && *version != kVersion) {
    at.error(fmt::format("version {} is not known; this Sluice reads version {}", *version, kVersion));
  }
}

void read_workers(const Cursor& at, Document& out) {
  out.workers_at = at.at();
  if (at.node().kind != Kind::scalar) {
    at.expect(Kind::scalar, "auto or a whole number");
    return;
  }
  const auto word = text(at);
  if (!word) return;
  if (*word == "auto") {
    out.workers = 0;
  } else if (!parse_whole(*word)) {
    at.error(fmt::format("expected auto or a whole number, got {}", quoted(*word)));
  } else if (const auto count = read_whole(at, 1, kMostWorkers)) {
    out.workers = static_cast<std::uint32_t>(*count);
  }
}

std::optional<std::string> admin_address(const Cursor& at) {
  auto word = text(at);
  if (!word || *word == "off") return word;
  if (const auto meant = all_digits(*word) ? std::nullopt : meant_truth(*word)) {
    at.error(fmt::format("expected an address or off, got {}; write {}", quoted(*word),
                         *meant ? "\"127.0.0.1:9900\"" : "off"));
    return std::nullopt;
  }
  Parsed<std::string> address = parse_address(*word, Role::admin);
  if (address) return std::move(address.value);
  at.error(std::move(address.error));
  return std::nullopt;
}

constexpr auto kReadAdminAddress = &locate<&Document::admin, admin_address>;

// What is there already must be something that lines can be appended to.
std::optional<std::string> log_path(const Cursor& at, std::string path) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  const char* wrong = nullptr;
  if (there && S_ISDIR(status.st_mode)) wrong = "a directory";
  if (there && S_ISSOCK(status.st_mode)) wrong = "a socket";
  if (there && S_ISBLK(status.st_mode)) wrong = "a block device";
  if (wrong == nullptr) return path;
  at.error(fmt::format("{} is {}; expected a file, a FIFO or a character device", path, wrong));
  return std::nullopt;
}

// A bare word is more likely a mistake ("stdout") than the name of a file.
std::optional<std::string> access_target(const Cursor& at) {
  auto word = text(at);
  if (!word || *word == "off" || *word == "stderr") return word;
  if (word->find('/') != std::string::npos) return log_path(at, absolute_join(at.context().base, *word));
  const auto meant = *word == "stdout" ? true : meant_truth(*word);
  const std::string_view hint = meant.value_or(false) ? "write stderr" : "write off";
  at.error(fmt::format("expected off, stderr or the path of a file, got {}; {}", quoted(*word),
                       meant ? hint : "a path has a \"/\""));
  return std::nullopt;
}

void read_trusted_proxies(const Cursor& at, Document& out) {
  locate_blocks(at, out.trusted_proxies,
                "any client may claim any address and host; name the proxies in front");
}

void read_access(const Cursor& at, Log& out) {
  out.access_at = at.at();
  set<&Log::access, access_target>(at, out);
}

constexpr auto kReadAccessFormat = &set<&Log::format, choice<LogFormat, kFormats>>;

void read_log_format(const Cursor& at, Log& out) {
  if (at.node().kind == Kind::map) {
    read_map(at, kLogFormatSchema, out);
  } else {
    kReadAccessFormat(at, out);
  }
}

void read_document_routes(const Cursor& at, Document& out) { read_routes(at, out.routes); }

constexpr std::array kAdminKeys{Key<Document>{{"address", "address or `off`", kDefaultAdmin,
                                               "Where the admin API listens; loopback or `unix:/path`. Not "
                                               "written, it is left out where that cannot be."},
                                              kReadAdminAddress}};

constexpr std::array kLogFormatKeys{
    Key<Log>{{"access", "`json` or `combined`", "json", "Form of the access log."}, kReadAccessFormat},
    Key<Log>{{"process", "`text` or `json`", "text", "Form of the process log, on standard error."},
             &set<&Log::process, choice<ProcessLogFormat, kProcessFormats>>}};

constexpr std::array kLogKeys{
    Key<Log>{{"level", "`debug`, `info`, `warn` or `error`", "info", "Least severity that is logged."},
             &set<&Log::level, choice<LogLevel, kLevels>>},
    Key<Log>{{"access", "`off`, `stderr` or path", "off",
              "Where one line per request goes; a path has a `/`, and a relative one (`./access.log`) starts "
              "from this file's directory."},
             &read_access},
    Key<Log>{
        {"format", "`json`, `combined` or map", "json", "Form of the access log; as a map, of both logs."},
        &read_log_format},
    Key<Log>{{"query", "boolean", "false", "Whether query strings are written to the access log."},
             &set<&Log::query, boolean>}};

void read_handshakes(const Cursor& at, Max& out) {
  if (at.node().kind == Kind::scalar && at.node().text == "0") {
    out.handshakes_per_ip.reset();
  } else if (!refuse_unlimited(at)) {
    set<&Max::handshakes_per_ip, rate>(at, out);
  }
}

constexpr std::array kMaxKeys{
    Key<Max>{{"head", "size", "32KiB", "Request line and header fields, 1KiB to 1MiB; 431 beyond."},
             &set<&Max::head, size<kKiB, kMiB>>},
    Key<Max>{{"fields", "whole number", "100", "Header fields of a request, 10 to 1000; 431 beyond."},
             &set<&Max::fields, whole<10, 1000>>},
    Key<Max>{{"body", "size", "0", "Request body; 0 for any size, 413 beyond."},
             &set<&Max::body, size<0, kPiB>>},
    Key<Max>{{"connections", "whole number", "0",
              "Client connections of all listeners together; 0 for any number."},
             &set<&Max::connections, limit<kMostConnections>>},
    Key<Max>{
        {"connections_per_ip", "whole number", "0", "Connections of one client address; 0 for any number."},
        &set<&Max::connections_per_ip, limit<kMostConnections>>},
    Key<Max>{{"connections_per_ip_v6_prefix", "whole number", "64",
              "How many leading bits of an IPv6 address `connections_per_ip` and `handshakes_per_ip` go by, "
              "1 to 128."},
             &set<&Max::connections_per_ip_v6_prefix, whole<1, 128>>},
    Key<Max>{{"handshakes_per_ip", "rate", "0",
              "TLS handshakes of one client address; as many as the rate allows in its time may come at "
              "once. 0 for any number."},
             &read_handshakes},
    Key<Max>{{"limit_keys", "whole number", "1000000",
              "Clients, tenants and so on that `limits` remember at a time, 1000 to 100000000; beyond that "
              "those that nothing was heard of for the longest time are forgotten."},
             &set<&Max::limit_keys, whole<kLeastLimitKeys, kMostLimitKeys>>},
    Key<Max>{
        {"http2_windows", "size", "256MiB",
         "Memory for large bodies that come by HTTP/2, from clients and servers, faster than they are passed "
         "on ([windows](http2.md#windows)); of the whole process, 0 to 1PiB."},
        &set<&Max::http2_windows, size<0, kPiB>>}};

constexpr std::array kHttp2Keys{
    Key<Http2>{{"streams", "whole number", "128",
                "Requests open at a time, 1 to 10000; more are refused, and the client tries them again."},
               &set<&Http2::streams, whole<1, 10'000>>},
    Key<Http2>{{"resets", "rate", "500/m", "Streams that the client gives up or breaks before their end."},
               &set<&Http2::resets, rate>},
    Key<Http2>{{"control_frames", "rate", "1000/m",
                "Frames that ask for nothing: PING, SETTINGS, PRIORITY, empty DATA, and WINDOW_UPDATE beyond "
                "those that go with the traffic."},
               &set<&Http2::control_frames, rate>},
    Key<Http2>{{"continuations", "whole number", "16", "CONTINUATION frames of one header block, 1 to 1000."},
               &set<&Http2::continuations, whole<1, 1000>>}};

constexpr std::array kDocumentKeys{
    Key<Document>{{"version", "whole number", kRequired, "Version of this format: 1."}, &read_version},
    Key<Document>{{"listeners", "map", kRequired, "Where clients connect, by name."}, &read_listeners},
    Key<Document>{{"tls", "map", "none", "Certificates for the listeners with `tls: true`."}, &read_tls},
    Key<Document>{{"pools", "map", kRequired, "Groups of servers, by name."}, &read_pools},
    Key<Document>{{"routes", "list", "none", "Which requests go to which pool, for every host."},
                  &read_document_routes},
    Key<Document>{{"tenants", "map", "none", "Tenants, told apart by host."}, &read_tenants},
    Key<Document>{{"limits", "map", "none", "How much tenants and clients may have of what, by name."},
                  &read_limits},
    Key<Document>{{"trusted_proxies", "list of addresses or blocks", "none",
                   "Clients whose `X-Forwarded-*` and `X-Request-ID` are believed, such as `10.0.0.0/8`."},
                  &read_trusted_proxies},
    Key<Document>{{"pass_headers", "list of field names", "none",
                   "Which of the fields that applications believe are passed on from clients that are not in "
                   "`trusted_proxies` ([the list](headers.md))."},
                  &locate_list<&Document::pass_headers, text>},
    Key<Document>{{"cdn_loop", "name or `off`", "sluice",
                   "What Sluice calls itself in `CDN-Loop`, by which it finds requests that go round."},
                  &set<&Document::cdn_loop, parsed<parse_cdn_id>>},
    Key<Document>{{"timeouts", "map", "see below", "Time limits."},
                  &nest<&Document::timeouts, kProcessTimeouts>},
    Key<Document>{{"max", "map", "see below", "What one client may send or hold."},
                  &nest<&Document::max, kMaxSchema>},
    Key<Document>{{"http2", "map", "see below", "What one HTTP/2 connection may do."},
                  &nest<&Document::http2, kHttp2Schema>},
    Key<Document>{{"resolver", "map", "see below", "How the names of servers are looked up."},
                  &read_resolver},
    Key<Document>{
        {"workers", "`auto` or whole number", "auto", "Event loops, 1 to 1024; `auto` is one per core."},
        &read_workers},
    Key<Document>{{"state", "path", "none",
                   "Directory for what operators ordered and a restart must not end: bans by hand, and "
                   "tenants on hold. Without it that of the service (`StateDirectory` of systemd), if it has "
                   "one."},
                  &locate<&Document::state, file_path>},
    Key<Document>{{"log", "map", "see below", "What is logged, and where."},
                  &nest<&Document::log, kLogSchema>},
    Key<Document>{{"admin", "address, `off` or map", kDefaultAdmin,
                   "Where the admin API listens; loopback or `unix:/path`. Not written, it is left out where "
                   "that cannot be."},
                  &read_admin}};

constexpr std::array<std::string_view, 7> kLaterKeys{
    "access", "cache_headers", "cors", "metrics", "request_headers", "response_headers", "support_header"};

}  // namespace

void read_admin(const Cursor& at, Document& out) {
  if (at.node().kind == Kind::scalar) {
    kReadAdminAddress(at, out);
  } else {
    read_map(at, kAdminSchema, out);
  }
}

constinit const Schema<Document> kAdminSchema{{"admin", "An address alone, or a map."}, kAdminKeys};
constinit const Schema<Log> kLogSchema{{"log", "", {}, {}, "level format access"}, kLogKeys};
constinit const Schema<Log> kLogFormatSchema{{"log.format", "A word alone is the access log's."},
                                             kLogFormatKeys};
constinit const Schema<Max> kMaxSchema{{"max", "", {}, {}, "connections body"}, kMaxKeys};
constinit const Schema<Http2> kHttp2Schema{
    {"http2",
     "Bounds for each HTTP/2 connection of a client, the same in the clear and under TLS. As many as a rate "
     "allows in its time may come at once; beyond it, and beyond `continuations`, the connection ends with "
     "ENHANCE_YOUR_CALM."},
    kHttp2Keys};
constinit const Schema<Document> kDocumentSchema{{"", "The keys at the top of the file.", kLaterKeys},
                                                 kDocumentKeys};

}  // namespace sluice::config
