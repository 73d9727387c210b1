#include "upstream/health/expectation.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using upstream::Expectation;

namespace {

using Json = std::vector<upstream::JsonExpectation>;

std::string judged_json(const Json& json, std::string_view body, std::string_view tenant = "acme") {
  upstream::Expect expect;
  expect.json = json;
  return Expectation(expect).judge(200, body, true, tenant);
}

}  // namespace

TEST_CASE("without a word any success or redirect will do", "[upstream][health]") {
  const Expectation any{upstream::Expect{}};
  for (const std::uint16_t status : {200, 204, 302, 399})
    CHECK(any.judge(status, "", true, "").empty());
  for (const std::uint16_t status : {199, 400, 404, 500})
    CHECK_FALSE(any.judge(status, "", true, "").empty());
}

TEST_CASE("a status that is not expected is named beside those that are", "[upstream][health]") {
  upstream::Expect expect;
  expect.status = {{200, 200}, {300, 302}};
  const Expectation wanted(expect);
  CHECK(wanted.judge(301, "", true, "").empty());
  CHECK(wanted.judge(500, "", true, "") == "status 500, expected 200, 300-302");
}

TEST_CASE("text must be in the body", "[upstream][health]") {
  upstream::Expect expect;
  expect.body = "tenant={tenant};";
  const Expectation wanted(expect);
  CHECK(wanted.judge(200, "ok tenant=acme; more", true, "acme").empty());
  CHECK(wanted.judge(200, "ok tenant=globex;", true, "acme") == "the body does not contain \"tenant=acme;\"");
}

TEST_CASE("a pattern must be found in the body", "[upstream][health]") {
  upstream::Expect expect;
  expect.body_regex = "^ready [0-9]+$";
  const Expectation wanted(expect);
  CHECK(wanted.judge(200, "ready 42", true, "").empty());
  CHECK(wanted.judge(200, "not ready 42", true, "") == "the body does not match \"^ready [0-9]+$\"");
  // What takes a backtracking matcher for ever.
  expect.body_regex = "(a+)+$";
  CHECK_FALSE(Expectation(expect).judge(200, std::string(60'000, 'a') + '!', true, "").empty());
}

TEST_CASE("values in JSON", "[upstream][health]") {
  const Json status{{{"status"}, std::string("ok")}};
  CHECK(judged_json(status, R"({"status":"ok","more":[1]})").empty());
  CHECK(judged_json(status, R"({"status":"degraded"})") == "JSON: status is \"degraded\", expected \"ok\"");
  CHECK(judged_json(status, R"({"state":"ok"})") == "JSON: status is not there, expected \"ok\"");
  CHECK(judged_json(status, R"(["status"])") == "JSON: status is not there, expected \"ok\"");
  CHECK(judged_json(status, R"({"status":{}})") == "JSON: status is an object, expected \"ok\"");
  CHECK(judged_json(status, "status: ok") == "the body is not JSON");
  CHECK(judged_json(status, "") == "the body is not JSON");

  const Json deep{{{"db", "lag"}, 0.0}, {{"db", "up"}, true}, {{"error"}, nullptr}};
  CHECK(judged_json(deep, R"({"db":{"lag":0,"up":true},"error":null})").empty());
  CHECK(judged_json(deep, R"({"db":{"lag":0.0,"up":true},"error":null})").empty());
  CHECK(judged_json(deep, R"({"db":{"lag":3,"up":true},"error":null})") == "JSON: db.lag is 3, expected 0");
  CHECK_FALSE(judged_json(deep, R"({"db":{"lag":"0","up":true},"error":null})").empty());
}

TEST_CASE("a server that answers for another tenant does not pass", "[upstream][health]") {
  const Json tenant{{{"tenant"}, std::string("{tenant}")}};
  CHECK(judged_json(tenant, R"({"tenant":"acme"})").empty());
  CHECK(judged_json(tenant, R"({"tenant":"globex"})") == "JSON: tenant is \"globex\", expected \"acme\"");
}

TEST_CASE("what a server sends is quoted in part, and printable", "[upstream][health]") {
  const Json status{{{"status"}, std::string("ok")}};
  const std::string reason = judged_json(status, "{\"status\":\"\\u0007\\n" + std::string(500, 'x') + "\"}");
  CHECK(reason.size() < 150);
  for (const char c : reason)
    CHECK((c >= ' ' && c <= '~'));
}

TEST_CASE("a body that was cut is no JSON, and one that is nested without end neither",
          "[upstream][health]") {
  upstream::Expect expect;
  expect.json = {{{"a"}, true}};
  CHECK(Expectation(expect).judge(200, R"({"a":true})", false, "") == "the body is longer than 65536 bytes");
  CHECK(Expectation(expect).judge(200, std::string(60'000, '['), true, "") == "the body is not JSON");
}
