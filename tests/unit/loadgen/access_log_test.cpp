#include "loadgen/access_log.hpp"

#include <catch2/catch.hpp>

using namespace sluice::bench;

TEST_CASE("a JSON line is read as Sluice writes it", "[loadgen][access_log]") {
  const auto entry = parse_log_line(
      R"({"ts":"2026-11-21T08:30:43.125Z","status":404,"request_id":"x","tenant":"acme","client_ip":"::1",)"
      R"("method":"POST","host":"acme.example.test","path":"/orders?page=2","protocol":"HTTP/2","bytes_in":512,)"
      R"("bytes_out":9,"duration_ms":25.000,"user_agent":"a \"b\" \\ c"})");
  REQUIRE(entry);
  // It began before it was logged.
  CHECK(entry->at == (1795249843ULL * 1000 + 100) * per_millisecond);
  CHECK(entry->method == "POST");
  CHECK(entry->host == "acme.example.test");
  CHECK(entry->target == "/orders?page=2");
  CHECK(entry->status == 404);
  CHECK(entry->body_size == 512);
}

TEST_CASE("a combined line is read, in any time zone", "[loadgen][access_log]") {
  const auto entry = parse_log_line(
      R"(203.0.113.7 - frank [21/Nov/2026:09:30:43 +0100] "GET /a?b=c HTTP/1.1" 200 2326 "-" "curl/8 [x]")");
  REQUIRE(entry);
  CHECK(entry->at == 1795249843ULL * per_second);
  CHECK(entry->method == "GET");
  CHECK(entry->target == "/a?b=c");
  CHECK(entry->host.empty());
  CHECK(entry->status == 200);
  CHECK(entry->body_size == 0);
}

TEST_CASE("a combined line may begin with the virtual host", "[loadgen][access_log]") {
  const auto entry =
      parse_log_line(R"(acme.test:443 203.0.113.7 - - [21/Nov/2026:08:30:43 +0000] "HEAD / HTTP/2.0" 304 0)");
  REQUIRE(entry);
  CHECK(entry->host == "acme.test");
  CHECK(entry->method == "HEAD");
  CHECK(entry->status == 304);
}

TEST_CASE("what cannot be asked again is no entry", "[loadgen][access_log]") {
  const std::string line = GENERATE(
      as<std::string>(), "", "nonsense", "{}", "{", "[1]", R"({"ts":"yesterday","method":"GET","path":"/"})",
      R"({"ts":"2026-11-21T08:30:43Z","method":"GET","path":"no-slash"})",
      R"({"ts":"2026-11-21T08:30:43Z","method":"GET","path":"/a b"})",
      R"({"ts":"2026-11-21T08:30:43Z","method":"CONNECT","path":"/"})",
      R"({"ts":"2026-11-21T08:30:43Z","method":"GET","path":"/","host":"a\r\nb"})",
      R"(1.2.3.4 - - [21/Nov/2026:08:30:43 +0000] "-" 400 0 "-" "-")",
      R"(1.2.3.4 - - [21/Nov/2026:08:30:43 +0000] "\x16\x03" 400 0 "-" "-")",
      R"(1.2.3.4 - - [yesterday] "GET / HTTP/1.1" 200 0 "-" "-")",
      R"(1.2.3.4 - - [21/Nov/2026:08:30:43 +0000] "GET)");
  CAPTURE(line);
  CHECK_FALSE(parse_log_line(line));
}

TEST_CASE("a log is ordered by when requests began, and what is none is counted", "[loadgen][access_log]") {
  const auto log =
      parse_access_log(R"({"ts":"2026-11-21T08:30:43.900Z","method":"GET","path":"/long","duration_ms":800})"
                       "\nnonsense\n"
                       R"({"ts":"2026-11-21T08:30:43.400Z","method":"GET","path":"/short","duration_ms":1})");
  CHECK(log.skipped == 1);
  REQUIRE(log.entries.size() == 2);
  CHECK(log.entries[0].target == "/long");
  CHECK(log.entries[1].at - log.entries[0].at == 299 * per_millisecond);
}

TEST_CASE("the requests of a second are spread over it where the log knows no more",
          "[loadgen][access_log]") {
  std::string text;
  for (const char* second : {"43", "43", "43", "43", "45"})
    text += std::string("1.2.3.4 - - [21/Nov/2026:08:30:") + second +
            R"( +0000] "GET / HTTP/1.1" 200 1 "-" "-")" + "\n";
  const auto log = parse_access_log(text);
  REQUIRE(log.entries.size() == 5);
  const auto first = log.entries[0].at;
  CHECK(log.entries[1].at - first == 250 * per_millisecond);
  CHECK(log.entries[3].at - first == 750 * per_millisecond);
  CHECK(log.entries[4].at - first == 2 * per_second);
}
