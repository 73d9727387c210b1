#include "sluice/observe/access_log.hpp"

#include "unit/observe/pipe_fixture.hpp"

#include <cerrno>
#include <regex>
#include <string>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::observe;
using namespace sluice::test;
namespace json = boost::json;

namespace {

http::Exchange& filled(http::Exchange& exchange) {
  exchange.request.method_text = "GET";
  exchange.request.host = "app.test";
  exchange.request.target = "/a/b?c=d";
  exchange.request.minor = 1;
  exchange.request.fields.add(exchange.arena, "User-Agent", "curl/8.0", http::FieldId::user_agent);
  exchange.request.fields.add(exchange.arena, "Referer", "https://x.test/", http::FieldId::referer);
  exchange.response.status = 206;
  exchange.client_ip = "192.0.2.1";
  exchange.request_id = "abc";
  exchange.tenant = "acme";
  exchange.record.bytes_in = 3;
  exchange.record.bytes_out = 12345678901;
  exchange.record.error = "connection_refused";
  exchange.record.limited = "report:gold";
  exchange.origin.sni = "app.test";
  exchange.origin.tls_version = "TLSv1.3";
  http::Record& record = exchange.record;
  record.pool = "app";
  record.server = "127.0.0.1:3000";
  record.route_file = "sluice.yaml";
  record.route_line = 12;
  record.attempts = 2;
  record.started = 1'000'000'000;
  record.ended = record.started + 1'234'567;
  record.first_byte = 999'500;
  record.connect = 499;
  record.queued = 2'000'000'000;
  record.generation = 7;
  return exchange;
}

std::string line_of(const http::Exchange& exchange, LogFormat format, bool query = false) {
  AccessLog log;
  log.configure({nullptr, format, query});
  log.write(exchange);
  return std::string(log.pending());
}

json::object object_of(const std::string& line) {
  REQUIRE(line.back() == '\n');
  return json::parse(line).as_object();
}

}  // namespace

TEST_CASE("a JSON line says all that is known", "[observe][access]") {
  http::Exchange exchange;
  json::object line = object_of(line_of(filled(exchange), LogFormat::json));
  const std::string when(line["ts"].as_string().c_str());
  CHECK(std::regex_match(when, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  line.erase("ts");
  CHECK(line ==
        json::parse(R"({"status": 206, "request_id": "abc", "tenant": "acme", "client_ip": "192.0.2.1",
    "method": "GET", "host": "app.test", "path": "/a/b", "protocol": "HTTP/1.1", "bytes_in": 3,
    "bytes_out": 12345678901, "duration_ms": 1.235, "queue_ms": 2000.000, "upstream_ms": 1.000,
    "connect_ms": 0.000, "attempts": 2, "tls_version": "TLSv1.3", "sni": "app.test", "route": "sluice.yaml:12",
    "pool": "app", "server": "127.0.0.1:3000", "error": "connection_refused",
    "limited": "report:gold", "config_generation": 7, "user_agent": "curl/8.0", "referer": "https://x.test/"})"));
}

TEST_CASE("a JSON line leaves out what is not known", "[observe][access]") {
  http::Exchange exchange;
  exchange.response.status = 400;
  exchange.request.major = 2;
  json::object line = object_of(line_of(exchange, LogFormat::json));
  line.erase("ts");
  CHECK(line == json::parse(R"({"status": 400, "protocol": "HTTP/2", "bytes_in": 0, "bytes_out": 0,
    "duration_ms": 0.000, "config_generation": 0})"));
}

TEST_CASE("the combined format is that of Apache and nginx", "[observe][access]") {
  http::Exchange exchange;
  const std::string line = line_of(filled(exchange), LogFormat::combined);
  CHECK(std::regex_match(
      line, std::regex(R"-(192\.0\.2\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] )-"
                       R"-("GET /a/b HTTP/1\.1" 206 12345678901 "https://x\.test/" "curl/8\.0"\n)-")));
  http::Exchange empty;
  empty.request.minor = 0;
  CHECK(std::regex_match(line_of(empty, LogFormat::combined),
                         std::regex(R"-(- - - \[[^\]]+\] "- - HTTP/1\.0" \d+ 0 "-" "-"\n)-")));
}

TEST_CASE("the query is shown where that is wanted", "[observe][access]") {
  http::Exchange exchange;
  filled(exchange);
  CHECK(line_of(exchange, LogFormat::combined, true).find("/a/b?c=d ") != std::string::npos);
  CHECK(line_of(exchange, LogFormat::combined).find('?') == std::string::npos);
  CHECK(object_of(line_of(exchange, LogFormat::json, true))["path"] == "/a/b?c=d");
}

TEST_CASE("what a client sends stays within its quotes", "[observe][access]") {
  // At every place of the blocks in which plain text is looked for.
  for (std::size_t before = 0; before < 40; ++before) {
    const std::string text = std::string(before, 'x') + "\"\\\n\x7f\x80\xff" + std::string(before % 17, 'y');
    http::Exchange exchange;
    exchange.request.target = exchange.request.method_text = exchange.client_ip = text;
    exchange.request.fields.add(exchange.arena, "User-Agent", text, http::FieldId::user_agent);
    const std::string escaped =
        std::string(before, 'x') + R"(\"\\\u000a\u007f\u0080\u00ff)" + std::string(before % 17, 'y');
    const std::string combined = line_of(exchange, LogFormat::combined);
    CHECK(combined.starts_with(escaped + " - - ["));
    CHECK(combined.ends_with("\"" + escaped + ' ' + escaped + " HTTP/1.1\" " +
                             std::to_string(exchange.response.status) + " 0 \"-\" \"" + escaped + "\"\n"));
    const std::string as_json = line_of(exchange, LogFormat::json);
    CHECK(as_json.find("\"path\":\"" + escaped + '"') != std::string::npos);
    CHECK(as_json.find("\"user_agent\":\"" + escaped + '"') != std::string::npos);
  }
}

TEST_CASE("a log hands over what it holds when told to, when much is there, and at its end",
          "[observe][access]") {
  Folder folder;
  const auto file = AccessFile::open(folder / "log");
  REQUIRE(file != nullptr);
  http::Exchange exchange;
  filled(exchange);
  {
    AccessLog log;
    CHECK_FALSE(log.on());
    log.configure({file, LogFormat::combined, false});
    CHECK(log.on());
    log.write(exchange);
    CHECK_FALSE(log.pending().empty());
    log.flush();
    CHECK(log.pending().empty());
    std::size_t most = 0;
    for (int i = 0; i < 1000; ++i) {
      log.write(exchange);
      most = std::max(most, log.pending().size());
    }
    CHECK(most < 33 * 1024);
  }
  file->close();
  const std::string content = content_of(folder / "log");
  CHECK(std::count(content.begin(), content.end(), '\n') == 1001);
}

TEST_CASE("a file is opened anew, and what came before stays in the old one", "[observe][access]") {
  Folder folder;
  const auto file = AccessFile::open(folder / "log");
  REQUIRE(file != nullptr);
  std::string lines = "before\n";
  file->append(lines);
  std::filesystem::rename(folder / "log", folder / "old");
  CHECK(file->reopen());
  lines = "after\n";
  file->append(lines);
  file->close();
  CHECK(content_of(folder / "old") == "before\n");
  CHECK(content_of(folder / "log") == "after\n");
}

TEST_CASE("what cannot be opened says why, and leaves what there was", "[observe][access]") {
  Folder folder;
  CHECK(AccessFile::open(folder / "none/log") == nullptr);
  CHECK(errno == ENOENT);
  CHECK(AccessFile::open(folder / "") == nullptr);
  CHECK(errno == EISDIR);
  std::filesystem::create_directory(folder / "sub");
  const auto file = AccessFile::open(folder / "sub/log");
  REQUIRE(file != nullptr);
  std::filesystem::rename(folder / "sub", folder / "moved");
  CHECK_FALSE(file->reopen());
  std::string lines = "still here\n";
  file->append(lines);
  file->close();
  CHECK(content_of(folder / "moved/log") == "still here\n");
}

TEST_CASE("a FIFO is opened without a reader", "[observe][access]") {
  Folder folder;
  const std::string path = folder / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto file = AccessFile::open(path);
  REQUIRE(file != nullptr);
  std::string lines = "kept for who comes\n";
  file->append(lines);
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char got[64];
  CHECK(std::string(got, static_cast<std::size_t>(::read(reader, got, sizeof got))) ==
        "kept for who comes\n");
  ::close(reader);
}
