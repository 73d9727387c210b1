#include "sluice/config/diagnostics_json.hpp"
#include "sluice/config/load.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

using namespace sluice::config;

TEST_CASE("errors come out in order, once each", "[config]") {
  Diagnostics out;
  CHECK(out.empty());
  out.add({1, 1, 1}, "", "in the second file");
  out.add({0, 10, 2}, "a.b", "later line");
  out.add({0, 9, 20}, "a", "later column");
  out.add({0, 9, 3}, "a", "earlier column");
  out.add({0, 10, 2}, "a.b", "later line");
  out.add({0, 0, 0}, "", "whole file");
  CHECK_FALSE(out.empty());
  CHECK(out.items().size() == 6);
  CHECK(out.render({"one", "two"}) ==
        "one: whole file\n"
        "one:9:3: a: earlier column\n"
        "one:9:20: a: later column\n"
        "one:10:2: a.b: later line\n"
        "two:1:1: in the second file\n");
  CHECK(Diagnostics().render({}).empty());
}

TEST_CASE("a warning gives way to an error about the same value", "[config]") {
  Diagnostics out;
  out.warn({0, 6, 16}, "log.access", "no file can be made");
  out.warn({0, 6, 16}, "log", "another thing");
  CHECK(out.render({"f"}) ==
        "f:6:16: warning: log: another thing\n"
        "f:6:16: warning: log.access: no file can be made\n");
  out.add({0, 6, 16}, "log.access", "cannot open");
  CHECK(out.render({"f"}) ==
        "f:6:16: log.access: cannot open\n"
        "f:6:16: warning: log: another thing\n");
}

TEST_CASE("what to do about it is apart from what is wrong", "[config]") {
  const std::vector<std::string> files{"f"};
  Diagnostics out;
  out.add({0, 1, 2}, "a", "unknown key \"b; \\\"c\"; did you mean \"d\"?");
  out.warn({0, 1, 2}, "", "plain words");
  const auto errors = out.findings(Severity::error, files);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].message == "unknown key \"b; \\\"c\"");
  CHECK(errors[0].hint == "did you mean \"d\"?");
  CHECK(out.failed());
  CHECK(out.render(files) ==
        "f:1:2: a: unknown key \"b; \\\"c\"; did you mean \"d\"?\n"
        "f:1:2: warning: plain words\n");
}

TEST_CASE("warnings alone fail nothing", "[config]") {
  Diagnostics out;
  out.warn({0, 1, 1}, "", "words");
  CHECK_FALSE(out.failed());
  CHECK_FALSE(out.empty());
  CHECK(out.findings(Severity::error, {"f"}).empty());
}

TEST_CASE("one cause is one error", "[config]") {
  const std::vector<std::string> files{"f"};
  Diagnostics out;
  SECTION("of one place, whatever way leads there") {
    for (const char* tenant : {"a", "b", "c"})
      out.add({0, 4, 9}, std::string("tenants.items.") + tenant + ".pool", "there is no pool \"x\"");
    out.add({0, 7, 1}, "routes[0].pool", "there is no pool \"x\"");
    CHECK(out.render(files) ==
          "f:4:9: tenants.items.a.pool: there is no pool \"x\" (and 2 more tenants)\n"
          "f:7:1: routes[0].pool: there is no pool \"x\"\n");
  }
  SECTION("of many tenants with the same mistake") {
    for (std::uint32_t i = 1; i <= 10'001; ++i)
      out.add({0, i, 9}, "tenants.items.t" + std::to_string(i) + ".pool",
              "there is no pool \"x\"; write \"y\"");
    CHECK(out.render(files) ==
          "f:1:9: tenants.items.t1.pool: there is no pool \"x\" (and 10000 more tenants); write \"y\"\n");
  }
  SECTION("but a few of them are shown, and so is what differs") {
    for (std::uint32_t i = 1; i <= 3; ++i)
      out.add({0, i, 9}, "tenants.items.t" + std::to_string(i) + ".pool", "there is no pool \"x\"");
    out.add({0, 9, 9}, "tenants.items.t9.routes[0].pool", "there is no pool \"x\"");
    CHECK(out.findings(Severity::error, files).size() == 4);
  }
}

TEST_CASE("fifty errors are shown, and how many more there are", "[config]") {
  const std::vector<std::string> files{"f"};
  Diagnostics out;
  for (std::uint32_t i = 1; i <= 173; ++i)
    out.add({0, i, 1}, "", "wrong " + std::to_string(i));
  const auto errors = out.findings(Severity::error, files);
  REQUIRE(errors.size() == 51);
  CHECK(errors[49].message == "wrong 50");
  CHECK(text_of(errors[50]) == "… and 123 more");
}

TEST_CASE("findings for programs, there and back", "[config]") {
  const std::vector<Finding> findings{{Severity::error, "f.yaml", 3, 7, "a.b", "wrong", "write \"c\""}};
  CHECK(boost::json::serialize(to_json(findings)) ==
        R"([{"file":"f.yaml","line":3,"column":7,"path":"a.b","message":"wrong","hint":"write \"c\""}])");
  CHECK(findings_in(to_json(findings), Severity::error) == findings);
  CHECK(findings_in("of another kind", Severity::error).empty());
  CHECK(findings_in(boost::json::array{1, nullptr}, Severity::error).empty());
}
