#include "sluice/observe/log.hpp"

#include "unit/observe/heard.hpp"

#include <regex>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::observe;
using namespace sluice::test;

TEST_CASE("a line has its time, its level and its text", "[observe][log]") {
  const std::string lines = heard([] {
    log_info("{} and {}", "one", 2);
    log_warn("careful");
    log_error("over");
  });
  CHECK(std::regex_match(lines, std::regex(R"(\S+Z info one and 2\n\S+Z warn careful\n\S+Z error over\n)")));
}

TEST_CASE("lines below the level are left out", "[observe][log]") {
  const std::string lines = heard([] {
    set_log_level(LogLevel::warn);
    log_info("quiet");
    log_warn("loud");
    set_log_level(LogLevel::debug);
    write_log(LogLevel::debug, "all");
    set_log_level(LogLevel::info);
    write_log(LogLevel::debug, "quiet again");
  });
  CHECK(std::regex_match(lines, std::regex(R"(\S+ warn loud\n\S+ debug all\n)")));
}

TEST_CASE("lines come in the order in which they were logged", "[observe][log]") {
  const std::string lines = heard([] {
    for (int i = 0; i < 500; ++i)
      log_info("{}", i);
  });
  std::string rest = lines;
  for (int i = 0; i < 500; ++i) {
    const std::size_t end = rest.find('\n');
    REQUIRE(end != std::string::npos);
    if (!rest.substr(0, end).ends_with(" info " + std::to_string(i))) FAIL(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  CHECK(rest.empty());
}

TEST_CASE("the time is that of the clock, to the millisecond", "[observe][log]") {
  const std::string text(timestamp());
  CHECK(std::regex_match(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char minute[20];
  std::strftime(minute, sizeof minute, "%Y-%m-%dT%H", &parts);
  CHECK((text.starts_with(minute) || parts.tm_min == 0));
}

TEST_CASE("each line of a record has its time", "[observe][log]") {
  const std::string lines = heard([] {
    write_record(LogLevel::error, {"refused", "a: b\nc: d\n", "\"event\":\"reload\""});
    write_log(LogLevel::warn, "one\ntwo");
  });
  CHECK(std::regex_match(
      lines,
      std::regex(
          R"(\S+Z error refused\n\S+Z error   a: b\n\S+Z error   c: d\n\S+Z warn one\n\S+Z warn two\n)")));
}

TEST_CASE("in JSON a record is one line", "[observe][log]") {
  const std::string lines = heard([] {
    set_log_format(ProcessLogFormat::json);
    write_record(LogLevel::error, {"refused", "a: b\nc: d\n", "\"event\":\"reload\",\"n\":1"});
    log_info("a \"name\" \\ \n\x01 ü \xff");
    set_log_format(ProcessLogFormat::text);
  });
  CHECK(std::regex_match(
      lines,
      std::regex(
          R"(\{"ts":"\S+Z","level":"error","message":"refused","event":"reload","n":1\}\n)"
          R"(\{"ts":"\S+Z","level":"info","message":"a \\"name\\" \\\\ \\u000a\\u0001 ü \\ufffd"\}\n)")));
}
