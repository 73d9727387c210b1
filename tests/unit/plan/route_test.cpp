// The route table by itself. Each route has a number (its "pool"), by which the tests tell which one answers.
#include "sluice/plan/route.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice::plan;

namespace {

Route route(std::uint32_t number, const std::string& path = "", std::vector<std::string> methods = {}) {
  Route out;
  out.path = path;
  out.prefix = path.ends_with('/');
  out.methods = std::move(methods);
  static TreatmentStore store;
  const Treatment& treatment = store.treatments.emplace_back(Treatment{Forward{number, {}}, {}});
  out.treated = store.rows.emplace_back(std::vector{&treatment});
  return out;
}

std::uint32_t pool_of(const Route& route) { return std::get<Forward>(route.treated[0]->action).pool; }

std::unique_ptr<Tenant> tenant(const std::string& name, std::vector<Route> own = {}, int pool = -1) {
  auto out = std::make_unique<Tenant>();
  out->name = name;
  for (Route& each : own)
    out->own.add(std::move(each));
  out->has_pool = pool >= 0;
  if (out->has_pool) out->pool = route(static_cast<std::uint32_t>(pool));
  return out;
}

// "tenant/number", "-" for nothing in either place.
std::string answer(const RouteTable& table, const std::string& host, const std::string& path = "/",
                   const std::string& method = "GET") {
  const Match match = table.find(host, path, method);
  return (match.tenant.empty() ? "-" : std::string(match.tenant)) + "/" +
         (match.route == nullptr ? "-" : std::to_string(pool_of(*match.route)));
}

}  // namespace

TEST_CASE("a path is exact, or a prefix when it ends in a slash", "[plan][route]") {
  CHECK(route(1, "/a").matches("/a", "GET"));
  for (const char* path : {"/", "/a/", "/ab", "/a/b", "/A", "/b/a", "a", ""})
    CHECK_FALSE(route(1, "/a").matches(path, "GET"));
  for (const char* path : {"/a/", "/a/b", "/a/b/c"})
    CHECK(route(1, "/a/").matches(path, "GET"));
  for (const char* path : {"/a", "/", "/ab/", "/b/a/", "/A/"})
    CHECK_FALSE(route(1, "/a/").matches(path, "GET"));
  CHECK(route(1, "/").matches("/anything", "GET"));
  CHECK(route(1).matches("/anything", "ANY"));
}

TEST_CASE("methods are compared exactly", "[plan][route]") {
  const Route some = route(1, "", {"GET", "POST"});
  CHECK(some.matches("/", "GET"));
  CHECK(some.matches("/", "POST"));
  for (const char* method : {"HEAD", "get", "GE", "GETT", ""})
    CHECK_FALSE(some.matches("/", method));
}

TEST_CASE("within a set: exact, longest prefix, more conditions, file order", "[plan][route]") {
  RouteSet set;
  set.add(route(0));
  set.add(route(1, "/a/"));
  set.add(route(2, "/a/b/"));
  set.add(route(3, "/a/b/c"));
  set.add(route(4, "/a/b/", {"POST"}));
  set.add(route(5, "/a/b/"));
  set.add(route(6, "", {"PUT"}));
  set.add(route(7, "/a/b/c", {"POST"}));
  set.add(route(8, "/very/long/prefix/indeed/"));
  set.sort();
  const auto found = [&](const char* path, const char* method = "GET") {
    return static_cast<int>(pool_of(*set.find(path, method)));
  };
  CHECK(found("/") == 0);
  CHECK(found("/", "PUT") == 6);
  CHECK(found("/a/") == 1);
  CHECK(found("/a/x", "PUT") == 1);  // the path decides before the number of conditions
  CHECK(found("/a/b/") == 2);
  CHECK(found("/a/b/x", "POST") == 4);
  CHECK(found("/a/b/c") == 3);
  CHECK(found("/a/b/c", "POST") == 7);
  CHECK(found("/a/b/c/") == 2);
  CHECK(found("/very/long/prefix/indeed/x") == 8);
  RouteSet none;
  none.sort();
  CHECK(none.find("/", "GET") == nullptr);
}

TEST_CASE("routes of equal rank answer in file order", "[plan][route]") {
  RouteSet set;
  for (std::uint32_t i = 0; i < 50; ++i)
    set.add(route(i, "/same/"));
  set.sort();
  CHECK(pool_of(*set.find("/same/x", "GET")) == 0);
  for (std::size_t i = 0; i < 50; ++i)
    CHECK(pool_of(set.all()[i]) == i);
}

TEST_CASE("the order of the steps", "[plan][route]") {
  // One route for each step, and one by one the earlier ones are left out.
  const struct {
    int first_step;
    const char* expected;
  } cases[] = {{1, "acme/1"}, {2, "acme/2"}, {3, "acme/3"}, {4, "acme/4"},
               {5, "acme/5"}, {6, "acme/6"}, {7, "acme/-"}};
  for (const auto& c : cases) {
    CAPTURE(c.first_step);
    RouteTable table;
    std::vector<Route> own;
    if (c.first_step <= 1) own.push_back(route(1));
    const Tenant& acme = table.keep(tenant("acme", own, c.first_step <= 5 ? 5 : -1));
    CHECK(table.add_tenant_host("www.acme.test", acme));
    if (c.first_step <= 2) table.add_host_route("www.acme.test", route(2));
    if (c.first_step <= 3) table.add_host_route("*.acme.test", route(3));
    if (c.first_step <= 4) table.add_common(route(4, "/x"));
    if (c.first_step <= 6) table.add_common(route(6));
    table.finish();
    CHECK(answer(table, "www.acme.test", "/x") == c.expected);
  }
}

TEST_CASE("a tenant's own route that does not match leaves the way to the common ones", "[plan][route]") {
  RouteTable table;
  const Tenant& acme = table.keep(tenant("acme", {route(1, "/own/")}, 5));
  table.add_tenant_host("a.test", acme);
  table.add_host_route("a.test", route(2, "/host/"));
  table.add_common(route(3, "", {"POST"}));
  table.add_common(route(6));
  table.finish();
  CHECK(answer(table, "a.test", "/own/x") == "acme/1");
  CHECK(answer(table, "a.test", "/host/x") == "acme/2");
  CHECK(answer(table, "a.test", "/", "POST") == "acme/3");
  CHECK(answer(table, "a.test", "/") == "acme/5");
  CHECK(answer(table, "b.test", "/own/x") == "-/6");
}

TEST_CASE("hosts: exact, then the longest wildcard, of any number of labels", "[plan][route]") {
  RouteTable table;
  table.add_host_route("www.example.com", route(1));
  table.add_host_route("*.example.com", route(2));
  table.add_host_route("*.eu.example.com", route(3));
  table.add_host_route("*.com", route(4));
  table.finish();
  CHECK(answer(table, "www.example.com") == "-/1");
  CHECK(answer(table, "api.example.com") == "-/2");
  CHECK(answer(table, "a.b.example.com") == "-/2");
  CHECK(answer(table, "x.www.example.com") == "-/2");
  CHECK(answer(table, "a.eu.example.com") == "-/3");
  CHECK(answer(table, "a.b.eu.example.com") == "-/3");
  CHECK(answer(table, "eu.example.com") == "-/2");
  CHECK(answer(table, "example.com") == "-/4");
  CHECK(answer(table, "notexample.com") == "-/4");
  for (const char* host : {"com", "example.org", "", "localhost", "192.0.2.1", "[::1]"})
    CHECK(answer(table, host) == "-/-");
}

TEST_CASE("a host's routes that do not match leave the way to a shorter wildcard", "[plan][route]") {
  RouteTable table;
  table.add_host_route("a.example.com", route(1, "/only"));
  table.add_host_route("*.example.com", route(2, "/x/"));
  table.add_host_route("*.com", route(3));
  table.finish();
  CHECK(answer(table, "a.example.com", "/only") == "-/1");
  CHECK(answer(table, "a.example.com", "/x/y") == "-/2");
  CHECK(answer(table, "a.example.com", "/z") == "-/3");
}

TEST_CASE("a tenant is found by exact host, by wildcard, by pattern, in this order", "[plan][route]") {
  RouteTable table;
  const Tenant& exact = table.keep(tenant("exact", {}, 1));
  const Tenant& wild = table.keep(tenant("wild", {}, 2));
  const Tenant& longer = table.keep(tenant("longer", {}, 3));
  auto defaults = tenant("", {}, 4);
  CHECK(table.add_tenant_host("a.example.com", exact));
  CHECK(table.add_tenant_host("*.wild.example.com", wild));
  CHECK(table.add_tenant_host("*.b.wild.example.com", longer));
  table.set_pattern(".example.com", defaults.get());
  table.keep(std::move(defaults));
  table.finish();
  CHECK(answer(table, "a.example.com") == "exact/1");
  CHECK(answer(table, "x.wild.example.com") == "wild/2");
  CHECK(answer(table, "x.y.wild.example.com") == "wild/2");
  CHECK(answer(table, "x.b.wild.example.com") == "longer/3");
  CHECK(answer(table, "wild.example.com") == "wild/4");  // one label in front: by pattern, under its own name
  CHECK(answer(table, "anybody.example.com") == "anybody/4");
  CHECK(table.tenant_count() == 4);
  for (const char* host : {"a.example.com", "x.wild.example.com"})
    CHECK(table.find(host, "/", "GET").tenant_listed);
  for (const char* host : {"anybody.example.com", "nobody.test"})
    CHECK_FALSE(table.find(host, "/", "GET").tenant_listed);
}

TEST_CASE("the pattern stands for one label of a tenant's letters", "[plan][route]") {
  RouteTable table;
  auto defaults = tenant("", {}, 1);
  table.set_pattern(".example.com", defaults.get());
  table.keep(std::move(defaults));
  table.finish();
  const std::string longest(63, 'a');
  for (const std::string& label :
       {std::string("a"), std::string("a-b"), std::string("0"), std::string("xn--bcher-kva"), longest}) {
    CHECK(answer(table, label + ".example.com") == label + "/1");
  }
  for (const std::string& host :
       {std::string("example.com"), std::string(".example.com"), std::string("a.b.example.com"),
        std::string("a_b.example.com"), std::string("A.example.com"), std::string("a.example.org"),
        std::string("aexample.com"), std::string("a.example.com.evil"), longest + "a.example.com",
        std::string(), std::string("com"), std::string("a.b")}) {
    CAPTURE(host);
    CHECK(answer(table, host) == "-/-");
  }
}

TEST_CASE("a host route beside a tenant's wildcard does not hide the tenant", "[plan][route]") {
  RouteTable table;
  const Tenant& acme = table.keep(tenant("acme", {}, 1));
  table.add_tenant_host("*.acme.test", acme);
  table.add_host_route("www.acme.test", route(2, "/static/"));
  table.finish();
  CHECK(answer(table, "www.acme.test", "/static/x") == "acme/2");
  CHECK(answer(table, "www.acme.test", "/") == "acme/1");
}

TEST_CASE("a host belongs to one tenant", "[plan][route]") {
  RouteTable table;
  const Tenant& first = table.keep(tenant("first", {}, 1));
  const Tenant& second = table.keep(tenant("second", {}, 2));
  for (const char* host : {"a.test", "*.a.test"}) {
    CHECK(table.add_tenant_host(host, first));
    CHECK(table.add_tenant_host(host, first));
    CHECK_FALSE(table.add_tenant_host(host, second));
  }
  table.finish();
  CHECK(answer(table, "a.test") == "first/1");
  CHECK(answer(table, "x.a.test") == "first/1");
}

TEST_CASE("ten thousand tenants are found as fast as ten", "[plan][route]") {
  RouteTable table;
  for (int i = 0; i < 10'000; ++i) {
    const std::string name = "t" + std::to_string(i);
    table.add_tenant_host(name + ".example.com", table.keep(tenant(name, {}, i)));
  }
  table.add_host_route("*.example.com", route(20'000, "/common"));
  table.finish();
  int right = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10'000; ++i) {
      const Match match = table.find("t" + std::to_string(i) + ".example.com", "/", "GET");
      right += match.route != nullptr && static_cast<int>(pool_of(*match.route)) == i ? 1 : 0;
    }
  }
  CHECK(right == 50'000);
}

TEST_CASE("why nothing matches", "[plan][route]") {
  RouteTable table;
  const Tenant defaults;
  table.set_pattern(".example.com", &defaults);
  const Tenant& acme =
      table.keep(tenant("acme", {route(1, "/static/"), route(2, "/upload", {"POST", "PUT"})}));
  REQUIRE(table.add_tenant_host("www.acme.test", acme));
  REQUIRE(table.add_tenant_host("acme.example.com", acme));
  table.add_host_route("*.api.test", route(3, "/v1/"));
  table.add_common(route(4, "/health"));
  table.finish();

  const Miss listed = table.miss("www.acme.test", "/statics", true);
  CHECK(listed.by == Miss::By::host);
  CHECK(listed.tenant == "acme");
  CHECK(listed.host_known);
  REQUIRE(listed.nearest != nullptr);
  CHECK(listed.nearest->path == "/static/");
  CHECK_FALSE(listed.path_fits);

  const Miss method = table.miss("www.acme.test", "/upload", true);
  REQUIRE(method.nearest != nullptr);
  CHECK(method.nearest->path == "/upload");
  CHECK(method.path_fits);

  const Miss in_file = table.miss("acme.example.com", "/x", false);
  CHECK(in_file.by == Miss::By::pattern);
  CHECK(in_file.tenant == "acme");
  CHECK(in_file.pattern == ".example.com");
  CHECK(in_file.nearest == nullptr);

  const Miss by_pattern = table.miss("new.example.com", "/healthz", true);
  CHECK(by_pattern.by == Miss::By::pattern);
  CHECK(by_pattern.tenant == "new");
  REQUIRE(by_pattern.nearest != nullptr);
  CHECK(by_pattern.nearest->path == "/health");

  const Miss of_route = table.miss("a.api.test", "/v2/", true);
  CHECK(of_route.by == Miss::By::nobody);
  CHECK(of_route.host_known);
  CHECK(of_route.nearest->path == "/v1/");

  const Miss unknown = table.miss("ww.acme.test", "/", true);
  CHECK(unknown.by == Miss::By::nobody);
  CHECK(unknown.tenant.empty());
  CHECK_FALSE(unknown.host_known);
  CHECK(unknown.nearest_host == "www.acme.test");
  CHECK(table.miss("www.apj.test", "/", false).nearest_host.empty());
  CHECK(table.miss("nothing.like.it", "/", true).nearest_host.empty());
  CHECK(table.miss("", "/", true).nearest_host.empty());
}

TEST_CASE("where nothing names a host, none is missing", "[plan][route]") {
  RouteTable table;
  table.add_common(route(1, "/a"));
  table.finish();
  CHECK(table.miss("any.test", "/b", true).host_known);
  CHECK(table.miss("any.test", "/b", true).nearest->path == "/a");
}
