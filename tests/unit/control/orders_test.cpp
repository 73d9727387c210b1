#include "control/orders.hpp"

#include "control/tenants.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

constexpr UnixMs kHour = UnixMs{3600} * 1000;

std::shared_ptr<const plan::Plan> plan_of(
    const std::string& more = "from_host: \"{tenant}.example.test\", ") {
  config::Diagnostics out;
  auto document = std::make_shared<const config::Document>(config::load_text(
      "version: 1\nlisteners: { http: \"127.0.0.1:1\" }\ntrusted_proxies: [10.0.0.0/8]\n"
      "pools: { app: { servers: [\"127.0.0.1:9\"] }, eu: { servers: [\"127.0.0.1:9\"] } }\n"
      "tenants: { " +
          more +
          "defaults: { pool: app },\n"
          "  items: { acme: { hosts: [a.test, b.test], pool: eu }, beta: { hosts: [c.test] } } }\n",
      "t.yaml", "/", out));
  auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
  INFO(out.render(document->files));
  REQUIRE(plan != nullptr);
  return plan;
}

// With a state directory, or without one.
struct Office {
  explicit Office(const std::string& directory = "") {
    config::Document document;
    if (!directory.empty()) document.state = {directory, {}};
    config::Diagnostics out;
    orders.begin(document, out);
    REQUIRE_FALSE(out.failed());
  }
  OrderOutcome obey(const Order& order) { return orders.obey(order, *plan); }
  OrderOutcome hold(const std::string& tenant, UnixMs lasts = kHour) {
    return obey({.verb = Order::Verb::hold, .tenant = tenant, .until = unix_now() + lasts});
  }
  OrderOutcome ban(const std::string& block, bool force = false) {
    return obey({.verb = Order::Verb::ban,
                 .block = AddressBlock::parse(block).value(),
                 .until = unix_now() + kHour,
                 .force = force});
  }
  bool held(const std::string& tenant) const {
    return orders.holds() != nullptr && orders.holds()->contains(tenant);
  }

  limits::Bans bans;
  Orders orders{bans};
  std::shared_ptr<const plan::Plan> plan = plan_of();
};

struct Folder {
  Folder() {
    char name[] = "/tmp/sluice-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("without holds there is no set of them", "[control][orders]") {
  ::unsetenv("STATE_DIRECTORY");
  Office office;
  CHECK(office.orders.holds() == nullptr);
  const OrderOutcome outcome = office.hold("acme");
  CHECK(outcome.error.empty());
  REQUIRE(outcome.warnings.size() == 1);
  CHECK(outcome.warnings[0] == "not kept over a restart: no state directory");
  CHECK(office.held("acme"));
  CHECK(office.obey({.verb = Order::Verb::release, .tenant = "acme"}).warnings.empty());
  CHECK(office.orders.holds() == nullptr);
  CHECK(office.obey({.verb = Order::Verb::release, .tenant = "acme"}).status == 404);
}

TEST_CASE("a hold ends on time", "[control][orders]") {
  Office office;
  office.hold("acme", 1'000);
  office.hold("beta", kHour);
  CHECK_FALSE(office.orders.expire(steady_now()));
  CHECK(office.orders.expire(steady_now() + Nanos{2'000'000'000}));
  CHECK_FALSE(office.held("acme"));
  CHECK(office.held("beta"));
}

TEST_CASE("tenants are known by the file, or by the pattern of hosts", "[control][orders]") {
  Office office;
  CHECK(office.hold("gamma").warnings.front().starts_with("tenant \"gamma\" is not listed"));
  const OrderOutcome odd = office.hold("no such name");
  CHECK(odd.status == 404);
  CHECK(odd.error == "there is no tenant \"no such name\"");
  office.plan = plan_of("");
  const OrderOutcome slip = office.hold("acne");
  CHECK(slip.error == "there is no tenant \"acne\"");
  CHECK(slip.hint == "did you mean \"acme\"?");
}

TEST_CASE("what is kept comes into force again, bans by hand too", "[control][orders]") {
  const Folder folder;
  {
    Office before(folder.path);
    CHECK(before.hold("acme").warnings.empty());
    CHECK(before.ban("203.0.113.0/24").error.empty());
    CHECK(before.ban("203.0.114.0/24").error.empty());
    CHECK(before.obey({.verb = Order::Verb::lift, .block = AddressBlock::parse("203.0.114.0/24").value()})
              .error.empty());
    before.bans.strike({}, {1, 1, kHour}, IpAddress::parse("192.0.2.1").value(), 128, "", "login",
                       steady_now());
    CHECK(before.bans.size() == 2);
  }
  const Office after(folder.path);
  CHECK(after.held("acme"));
  const auto bans = after.bans.list(steady_now());
  REQUIRE(bans.size() == 1);
  CHECK(bans[0].block.text() == "203.0.113.0/24");
  CHECK(bans[0].until > steady_now());
}

TEST_CASE("what cannot be written changes nothing, but for what is taken back", "[control][orders]") {
  const Folder folder;
  Office office(folder.path);
  office.hold("acme");
  std::filesystem::remove_all(folder.path);
  CHECK(office.hold("beta").status == 500);
  CHECK(office.ban("203.0.113.0/24").hint == "nothing was changed");
  CHECK((office.held("acme") && !office.held("beta") && !office.bans.any()));
  const OrderOutcome released = office.obey({.verb = Order::Verb::release, .tenant = "acme"});
  REQUIRE((released.error.empty() && released.warnings.size() == 1));
  CHECK_FALSE(office.held("acme"));
}

TEST_CASE("a proxy in front is banned by force only", "[control][orders]") {
  Office office;
  for (const char* block : {"10.1.2.3", "10.0.0.0/8", "0.0.0.0/0", "::/0"}) {
    CHECK(office.ban(block).status == 409);
    CHECK(office.ban(block, true).error.empty());
  }
  CHECK(office.obey({.verb = Order::Verb::lift, .block = AddressBlock::parse("192.0.2.1").value()}).status ==
        404);
}

TEST_CASE("tenants are told with their hosts, pool and hold", "[control][orders]") {
  Office office;
  office.hold("acme");
  office.hold("gamma");
  proxy::Runtime runtime;
  runtime.plan = office.plan;
  runtime.holds = office.orders.holds();
  const auto names = [&](const TenantChoice& choice) {
    std::string out;
    for (const auto& one : tenants_json(runtime, choice))
      out += std::string(one.at("tenant").as_string().c_str()) + ' ';
    return out;
  };
  CHECK(names({}) == "acme beta gamma ");
  CHECK(names({"", true}) == "acme gamma ");
  CHECK(names({"b*", false}) == "beta ");
  CHECK(names({"a", false}).empty());
  const auto told = tenants_json(runtime, {"acme", false});
  REQUIRE(told.size() == 1);
  CHECK(told[0].at("hosts").to_number<int>() == 3);
  CHECK(told[0].at("pool") == "eu");
  CHECK(told[0].at("held") == true);
}
