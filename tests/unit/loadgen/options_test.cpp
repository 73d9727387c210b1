#include "loadgen/options.hpp"

#include "loadgen/schedule.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::bench;
using Catch::Matchers::Contains;

namespace {

Command read(std::vector<std::string> words) {
  std::string program = "sluice-bench";
  std::vector<char*> argv{program.data()};
  for (std::string& word : words)
    argv.push_back(word.data());
  return read_command(static_cast<int>(argv.size()), argv.data());
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    read(words);
  } catch (const toolkit::UsageError& error) {
    return error.what();
  }
  return "";
}

LoadOptions load(std::vector<std::string> words) {
  words.insert(words.begin(), {"load", "--url", "http://a.test"});
  return std::get<LoadOptions>(read(words));
}

std::string load_refusal(std::vector<std::string> words) {
  words.insert(words.begin(), {"load", "--url", "http://a.test"});
  return refusal(words);
}

}  // namespace

TEST_CASE("the options of a load", "[loadgen][options]") {
  const LoadOptions options =
      load({"--rate=1.5", "--connections", "7",        "--http",         "2",          "--streams",
            "3",          "--header",      "X-One: 1", "--header",       "X-Two: [2]", "--keepalive",
            "yes",        "--arrivals",    "poisson",  "--timeout",      "250ms",      "--body-size",
            "16KiB",      "--read-rate",   "64KiB/s",  "--distribution", "zipf",       "--insecure",
            "--json"});
  CHECK(options.rate == 1.5);
  CHECK(options.connections == 7);
  CHECK(options.http2);
  CHECK(options.streams == 3);
  CHECK(options.headers == std::vector<std::string>{"X-One: 1", "X-Two: [2]"});
  CHECK(options.loop == Loop::poisson);
  CHECK(options.timeout == 250 * per_millisecond);
  CHECK(options.body_size == 16 * 1024);
  CHECK(options.read_rate == 64 * 1024);
  CHECK(options.distribution == Distribution::zipf);
  CHECK_FALSE(options.verify);
  CHECK(options.json);
  CHECK(options.duration == 10 * per_second);
  CHECK(options.warmup == 2 * per_second);
}

TEST_CASE("the last of several counts, so that scripts can put defaults in front", "[loadgen][options]") {
  CHECK(load({"--rate", "1", "--rate", "2"}).rate == 2);
  CHECK(load({"--closed", "--warmup", "1s", "--warmup", "0"}).warmup == 0);
}

TEST_CASE("a replay has no warm-up and ends with its log", "[loadgen][options]") {
  const LoadOptions options = load({"--replay", "a.log"});
  CHECK(options.loop == Loop::replay);
  CHECK(options.warmup == 0);
  CHECK(options.duration == never);
}

TEST_CASE("each verb has its own", "[loadgen][options]") {
  CHECK(std::get<CapacityOptions>(read({"capacity", "--url", "http://a.test", "--errors", "0"})).errors == 0);
  CHECK(std::get<IdleOptions>(read({"idle", "--url", "http://a.test", "--request-last"})).request_last);
  for (const auto& words :
       {std::vector<std::string>{"help"}, {"--help"}, {"-h"}, {"load", "--help"}, {"idle", "-h"}})
    CHECK(std::holds_alternative<Help>(read(words)));
  CHECK_THAT(refusal({}), Contains("which verb"));
  CHECK_THAT(refusal({"laod"}), Contains("unknown verb laod"));
  CHECK_THAT(refusal({"idle", "--url", "http://a.test", "--rate", "1"}), Contains("unknown option --rate"));
}

TEST_CASE("what is wrong with an option is said with its name", "[loadgen][options]") {
  CHECK_THAT(refusal({"load", "--rate", "1"}), Contains("--url is missing"));
  CHECK_THAT(load_refusal({}), Contains("--rate is missing"));
  CHECK_THAT(load_refusal({"--rate"}), Contains("--rate needs a value"));
  CHECK_THAT(load_refusal({"--rate", "x"}), Contains("--rate: \"x\" is not a number"));
  CHECK_THAT(load_refusal({"--rate", "-1"}), Contains("--rate: \"-1\" is not a number"));
  CHECK_THAT(load_refusal({"--rate", "0"}), Contains("--rate must be more than 0"));
  CHECK_THAT(load_refusal({"--connections", "0"}),
             Contains("--connections: \"0\" is not a whole number, at least 1"));
  CHECK_THAT(load_refusal({"--timeout", "5"}), Contains("--timeout: \"5\" is not a duration such as"));
  CHECK_THAT(load_refusal({"--keepalive", "maybe"}), Contains("--keepalive: \"maybe\" is not yes or no"));
  CHECK_THAT(load_refusal({"--http", "3"}), Contains("--http: \"3\" is not 1.1 or 2"));
  CHECK_THAT(load_refusal({"--insecure=yes"}), Contains("--insecure takes no value"));
  CHECK_THAT(load_refusal({"--json=1"}), Contains("--json takes no value"));
  CHECK_THAT(load_refusal({"--header", "nonsense"}), Contains("--header: \"nonsense\" is not 'Name: value'"));
  CHECK_THAT(load_refusal({"--frobnicate=1"}), Contains("unknown option --frobnicate"));
  CHECK_THAT(load_refusal({"extra"}), Contains("unexpected argument extra"));
  CHECK_THAT(load_refusal({"--closed", "--rate", "1"}), Contains("--rate excludes"));
}
