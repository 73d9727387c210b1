#include "control/admin_endpoints.hpp"
#include "control/admin_guard.hpp"
#include "control/parameters.hpp"

#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice::control;

TEST_CASE("command lines and scripts may ask", "[control]") {
  for (const char* host : {"", "localhost", "LOCALHOST:9900", "localhost:1", "127.0.0.1", "127.0.0.1:9900",
                           "127.9.8.7", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]:80"}) {
    INFO(host);
    CHECK(may_ask({host, false, ""}));
    CHECK(may_ask({host, false, "none"}));
    CHECK(may_ask({host, false, "same-origin"}));
    CHECK_FALSE(may_ask({host, true, ""}));
    CHECK_FALSE(may_ask({host, true, "same-origin"}));
    CHECK_FALSE(may_ask({host, false, "cross-site"}));
    CHECK_FALSE(may_ask({host, false, "same-site"}));
    CHECK_FALSE(may_ask({host, false, "something new"}));
  }
}

TEST_CASE("a Host that anybody may point at loopback may not", "[control]") {
  for (const char* host : {"evil.example",
                           "evil.example:9900",
                           "localhost.evil.example",
                           "127.0.0.1.evil.example",
                           "localhost.",
                           "notlocalhost",
                           "a.localhost",
                           "192.0.2.1",
                           "10.0.0.1:9900",
                           "0.0.0.0",
                           "0.0.0.0:9900",
                           "[::]:9900",
                           "[2001:db8::1]",
                           "128.0.0.1",
                           "126.255.255.255",
                           "2130706433",
                           "0x7f000001",
                           "127.1",
                           "[::1",
                           "localhost:",
                           "localhost:x",
                           ":9900",
                           " localhost",
                           "[localhost",
                           "127.0.0.1:9900:1",
                           ","}) {
    INFO(host);
    CHECK_FALSE(may_ask({host, false, ""}));
    CHECK_FALSE(may_ask({host, false, "same-origin"}));
  }
}

TEST_CASE("the table: every row is found by its own path, and by no other method", "[control]") {
  std::set<std::string_view> open;
  for (const Endpoint& endpoint : endpoints()) {
    std::string path(endpoint.path);
    for (std::size_t star; (star = path.find('*')) != std::string::npos;)
      path.replace(star, 1, "word");
    INFO(path);
    const bool change = endpoint.use == Use::change;
    CHECK(find_endpoint(change ? "POST" : "GET", path).endpoint == &endpoint);
    CHECK((find_endpoint("HEAD", path).endpoint == &endpoint) != change);
    const bool both = endpoint.path == "/api/bans";
    for (const char* method : {"PUT", "DELETE", "OPTIONS", "get", change ? "GET" : "POST"}) {
      const Found found = find_endpoint(method, path);
      if (both && found.endpoint != nullptr) continue;
      CHECK(found.endpoint == nullptr);
      CHECK(found.otherwise.status == 405);
      CHECK(found.otherwise.allow == (both ? "GET, HEAD, POST" : change ? "POST" : "GET, HEAD"));
    }
    if (endpoint.access == Access::open) open.insert(endpoint.path);
  }
  CHECK(open == std::set<std::string_view>{"/healthz", "/readyz"});
}

TEST_CASE("what is in no row is not found", "[control]") {
  for (const char* path :
       {"", "/", "/healthz/", "/Healthz", "//healthz", "/api/pools/", "http://a/healthz",
        "/api/pools/app/servers/a", "/api/pools/app/servers/a/stop", "*", "/api/pools//servers/a/ready",
        "/api/pools/app/servers//ready", "/api/pools/app/servers/%zz/ready"}) {
    INFO(path);
    CHECK(find_endpoint("POST", path).endpoint == nullptr);
    CHECK(find_endpoint("POST", path).otherwise.status == 404);
  }
  CHECK(find_endpoint("GET", "/metrics?name=x").endpoint != nullptr);
}

TEST_CASE("words of a path", "[control]") {
  Words words;
  CHECK(matches("/api/pools/*/servers/*/ready", "/api/pools/a%2Fb/servers/127.0.0.1:80/ready", words));
  CHECK(words == Words{"a/b", "127.0.0.1:80"});
  CHECK(matches("/api/pools/*/servers/*/drain", "/api/pools/a/servers/unix:/run/servers/drain/drain", words));
  CHECK(words == Words{"a", "unix:/run/servers/drain"});
  CHECK(matches("/*/x/*", "/1/x/2/x/3", words));
  CHECK(words == Words{"1", "2/x/3"});
  CHECK_FALSE(matches("/a/*/b", "/a/b", words));
}

TEST_CASE("what follows the question mark", "[control]") {
  CHECK(find_endpoint("POST", "/api/config/reload?file=/a%20b.yaml").question.query == "file=/a%20b.yaml");
  CHECK(find_endpoint("POST", "/api/config/reload").question.query.empty());
  CHECK(query_value("file=/a%20b.yaml", "file") == "/a b.yaml");
  CHECK(query_value("x=1&file=/a%26b&file=2", "file") == "/a&b");
  CHECK(query_value("files=1&xfile=2&file", "file").empty());
  CHECK(query_value("file=%zz", "file").empty());
  CHECK(query_value("", "file").empty());
}

TEST_CASE("parameters stand in the query, in a form, or in an object", "[control]") {
  const auto given = [](const char* query, const char* body) {
    return Parameters({.words = {}, .query = query, .body = body}, {"for", "tenant", "reason", "force"});
  };
  const Parameters form = given("for=%2B15m&reason=a%20b&", "tenant=acme");
  CHECK((form.problem().empty() && form.get("for") == "+15m" && form.get("reason") == "a b"));
  CHECK((form.get("tenant") == "acme" && form.has("tenant") && !form.has("force") && !form.is_on("force")));
  const Parameters object = given("", R"( {"tenant":"beta","force":true,"for":7,"reason":null})");
  CHECK((object.problem().empty() && object.get("tenant") == "beta" && object.is_on("force")));
  CHECK((object.get("for") == "7" && !object.has("reason") && object.get("reason").empty()));
}

TEST_CASE("parameters are understood whole or not at all", "[control]") {
  const auto problem = [](const char* query, const char* body) {
    return Parameters({.words = {}, .query = query, .body = body}, {"for", "reason"}).problem();
  };
  CHECK(problem("fro=1h", "") == "unknown parameter \"fro\"; did you mean \"for\"?");
  CHECK(problem("for=1h&for=1h", "") == "\"for\" is given twice");
  CHECK(problem("for=1h", "for=1h") == "\"for\" is given twice");
  CHECK(problem("for=%zz", "") == "the value of \"for\" is not percent-encoded");
  CHECK(problem("", "[1]") == "the body is no JSON object");
  CHECK(problem("", "{\"for\":") == "the body is no JSON object");
  CHECK(problem("", "{\"reason\":{}}") == "\"reason\" is no single value");
}
