// The journey of a request, with the test as client and, where one is asked, as server.
#include "sluice/proxy/pipeline.hpp"

#include "sluice/config/load.hpp"
#include "sluice/upstream/registry.hpp"

#include "unit/net/loop_fixture.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace sluice;
using namespace sluice::proxy;
using namespace sluice::test;

namespace {

// Listener 0 sends people to https; that needs a certificate, so the test says it itself.
const std::string kWhole =
    "version: 1\n"
    "listeners: { first: \"127.0.0.1:1\", second: \"127.0.0.1:2\" }\n"
    "max: { body: 1KiB }\n"
    "pools: { app: { servers: [\"127.0.0.1:9\"], retry: off } }\n"
    "tenants: { from_host: \"{tenant}.example.test\", unknown: 410, defaults: { pool: app, send_header: "
    "X-Tenant } }\n"
    "routes: [ { path: /a/, pool: app } ]\n";

// What a client's codec would see.
class Client final : public http::Downstream {
 public:
  explicit Client(std::string_view host = "acme.example.test", std::string_view target = "/",
                  std::uint32_t listener = 1) {
    exchange.downstream = this;
    exchange.origin.peer_ip = "192.0.2.1";
    exchange.origin.listener = listener;
    exchange.request.method_text = "GET";
    exchange.request.method = http::Method::get;
    exchange.request.target = target;
    exchange.request.path = exchange.request.target.substr(0, exchange.request.target.find('?'));
    exchange.request.authority = exchange.request.host = host;
  }
  std::string field(std::string_view name) const {
    const http::Field* found = exchange.response.fields.find(name);
    return found != nullptr ? std::string(found->value) : "-";
  }

  Task<Error> interim(const http::ResponseHead& /*head*/) override { co_return Error{}; }
  Task<Error> respond() override {
    ++responses;
    record_then = exchange.record;
    if (responding) responding();
    while (exchange.response_body != nullptr) {
      std::string_view piece;
      const http::BodyStep step = exchange.response_body->poll(piece);
      if (step == http::BodyStep::data) body += piece;
      if (step == http::BodyStep::wait) co_await exchange.response_body->fill();
      if (step == http::BodyStep::end) break;
      if (step == http::BodyStep::failed) co_return exchange.response_body->error();
    }
    co_return Error{};
  }
  http::BodySource& open_tunnel() override {
    exchange.request_body = &tunnel;
    own_field_then = exchange.own_field;
    return tunnel;
  }
  void bound_body(std::uint64_t most) override { bound = most; }
  void close_after() override { closes = true; }
  void on_departure(Departed departed, void* /*context*/) override { watched = departed != nullptr; }

  http::TextBody tunnel;
  std::optional<std::uint64_t> bound;  // that it was told
  http::Exchange exchange;
  std::string_view own_field_then;  // when the tunnel was opened
  http::Record record_then;         // while the response was on its way
  std::string body;
  std::function<void()> responding;
  int responses = 0;
  bool closes = false;
  bool watched = false;
};

// A server on a socket of its own, played by the test.
class Server {
 public:
  Server() : path_(std::filesystem::temp_directory_path() / fmt::format("sluice-test-{}.sock", ::getpid())) {
    ::unlink(path_.c_str());
    const auto address = SocketAddress::parse(text()).value();
    REQUIRE(::bind(fd_, address.raw(), address.length()) == 0);
    REQUIRE(::listen(fd_, 8) == 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::unlink(path_.c_str());
    ::close(fd_);
    hang_up();
  }
  std::string text() const { return "unix:" + path_.string(); }

  // The next request's head.
  Task<std::string> request(net::Loop& loop) {
    while (peer_ < 0 && (peer_ = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK)) < 0)
      co_await loop.yield();
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      co_await loop.yield();
      head += drain(peer_);
    }
    co_return head;
  }
  void answer(std::string_view bytes) { put(peer_, bytes); }
  void hang_up() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }

 private:
  std::filesystem::path path_;
  int fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int peer_ = -1;
};

class Stage {
 public:
  explicit Stage(const std::string& server = "127.0.0.1:9")
      : server_(server),
        pipeline(
            loop, totals, limits, [](http::Connection&) {},
            [this](std::shared_ptr<const Runtime>) { ++disposed; }) {
    publish();
  }
  ~Stage() { pipeline.close(); }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  void publish() {
    config::Diagnostics out;
    std::string text = kWhole;
    text.replace(text.find("127.0.0.1:9"), 11, server_);
    auto document = std::make_shared<const config::Document>(config::load_text(text, "t.yaml", "/", out));
    auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
    INFO(out.render(document->files));
    REQUIRE(plan != nullptr);
    auto runtime = std::make_shared<Runtime>();
    runtime->generation = ++generation;
    for (const plan::Pool& pool : plan->pools()) {
      upstream::Members members;
      for (const plan::Server& server : pool.servers)
        members.push_back({registry.get(pool.name, server.address, server.host, pool.wire), server.weight});
      runtime->groups.push_back(std::make_shared<upstream::Group>(
          pool.balance, pool.rules, std::move(members), registry.state(pool.name)));
    }
    runtime->plan = plan;
    for (std::uint32_t slot = 0; slot < plan->listeners().size(); ++slot) {
      plan::Listener listener = plan->listeners()[slot];
      if (slot == 0) listener.action = plan::RedirectToHttps{};
      pipeline.set_listener(slot, listener);
    }
    pipeline.set_https_port(8443);
    pipeline.publish(std::move(runtime));
  }
  void serve(Client& client) {
    run(loop, [&]() -> Task<void> { co_await pipeline.serve(client.exchange); });
  }
  // The same while `script` plays the server.
  template <class F>
  void serve(Client& client, F script) {
    run(loop, [&]() -> Task<void> {
      bool ended = false;
      const auto whole = [&]() -> Task<void> {
        co_await pipeline.serve(client.exchange);
        ended = true;
      };
      start(whole());
      co_await script();
      while (!ended)
        co_await loop.yield();
    });
  }
  void refuse(Client& client, const Error& error) {
    run(loop, [&]() -> Task<void> { co_await pipeline.refuse(client.exchange, error); });
  }

  const std::string server_;
  net::Loop loop;
  observe::Totals totals;
  limits::State limits;
  upstream::Registry registry;
  std::uint64_t generation = 0;
  int disposed = 0;
  Pipeline pipeline;
};

}  // namespace

TEST_CASE("a body is held to the bound of its route before anybody is asked", "[proxy][pipeline]") {
  struct Case {
    http::Framing framing;
    std::uint64_t length;
    std::uint64_t most;
    bool passes;
  };
  const Case cases[] = {{http::Framing::length, 1000, 1000, true},
                        {http::Framing::length, 1001, 1000, false},
                        {http::Framing::length, 1001, 0, true},
                        // Nobody knows yet, and the codec will count.
                        {http::Framing::chunked, 0, 1000, true}};
  for (const Case& c : cases) {
    CAPTURE(c.length, c.most);
    Stage stage;
    Client client;
    client.exchange.max_body = c.most;
    client.exchange.request.framing = c.framing;
    client.exchange.request.length = c.length;
    client.exchange.request_body = &client.tunnel;
    stage.serve(client);
    CHECK(client.exchange.response.status == (c.passes ? 502 : 413));
    CHECK(client.closes == !c.passes);
    CHECK(client.exchange.record.attempts == (c.passes ? 1 : 0));
    CHECK(client.bound == (c.passes ? std::optional(c.most) : std::nullopt));
  }
}

TEST_CASE("each answer of our own is sent once, and accounted for", "[proxy][pipeline]") {
  struct Case {
    const char* host;
    const char* target;
    std::uint32_t listener;
    std::uint64_t length;
    std::uint16_t status;
    bool closes;
    const char* error;
  };
  const Case cases[] = {
      {"acme.example.test", "/a?b", 0, 0, 308, false, ""},
      {"other.test", "/", 1, 0, 410, false, "destination_not_found"},
      {"acme.example.test", "/", 1, 2'000, 413, true, "http_request_error"},
      // The one server refuses.
      {"acme.example.test", "/", 1, 0, 502, false, "connection_refused"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.status);
    Stage stage;
    Client client(c.host, c.target, c.listener);
    client.exchange.request.length = c.length;
    client.exchange.max_body = 1024;
    if (c.length != 0) client.exchange.request.framing = http::Framing::length;
    if (c.length != 0) client.exchange.request_body = &client.tunnel;
    stage.serve(client);
    CHECK(client.responses == 1);
    CHECK(client.exchange.response.status == c.status);
    const auto sum = observe::Totals::sum({&stage.totals});
    REQUIRE(sum.requests.size() == 1);
    CHECK(sum.requests[0].status == c.status);
    CHECK(sum.requests[0].count == 1);
    CHECK(client.closes == c.closes);
    CHECK(client.exchange.record.error == c.error);
    CHECK(client.exchange.record.generation == 1);
    CHECK(client.exchange.record.ended >= client.record_then.ended);
    CHECK_FALSE(client.watched);
    CHECK(client.field("X-Request-ID").size() == 32);
    CHECK(client.field("Date").ends_with(" GMT"));
    CHECK(client.field("Proxy-Status").starts_with("sluice"));
  }
}

TEST_CASE("a redirect goes to the port where TLS is served", "[proxy][pipeline]") {
  Stage stage;
  Client client("acme.example.test", "/a?b", 0);
  stage.serve(client);
  CHECK(client.field("Location") == "https://acme.example.test:8443/a?b");
}

TEST_CASE("what could not be read is answered, whoever asked", "[proxy][pipeline]") {
  Stage stage;
  Client client;
  stage.refuse(client, {ErrorKind::method_refused, Side::downstream});
  CHECK(client.exchange.response.status == 405);
  CHECK(client.field("Allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  CHECK(client.closes);
  CHECK(client.responses == 1);
  CHECK(client.exchange.record.pool.empty());
}

TEST_CASE("the record says who was asked, and by which line", "[proxy][pipeline]") {
  Stage stage;
  Client client;
  stage.serve(client);
  const http::Record& record = client.exchange.record;
  CHECK(record.pool == "app");
  CHECK(record.route_file == "t.yaml");
  CHECK(record.route_line == 5);
  CHECK(record.attempts == 1);
  CHECK(client.record_then.server == "127.0.0.1:9");
  CHECK(client.exchange.tenant == "acme");
}

TEST_CASE("a path that leads elsewhere once it is decoded is refused", "[proxy][pipeline]") {
  Stage stage;
  Client client("acme.example.test", "/%61/");
  stage.serve(client);
  CHECK(client.exchange.response.status == 400);
  CHECK(client.closes);
  CHECK(client.exchange.record.attempts == 0);
}

TEST_CASE("dot segments are refused where no route wants them", "[proxy][pipeline]") {
  for (const std::uint32_t listener : {0, 1}) {
    Stage stage;
    Client client("acme.example.test", "/a/../b", listener);
    client.exchange.request.dotted = true;
    stage.serve(client);
    CHECK(client.exchange.response.status == 400);
    CHECK(client.closes);
    CHECK(client.exchange.record.attempts == 0);
  }
}

TEST_CASE("a configuration nobody uses goes to be taken apart", "[proxy][pipeline]") {
  Stage stage;
  stage.publish();
  CHECK(stage.disposed == 1);
  Client client;
  stage.serve(client);
  CHECK(client.exchange.record.generation == 2);
}

TEST_CASE("a server is asked, and its answer passed on", "[proxy][pipeline]") {
  Server server;
  Stage stage(server.text());
  Client client("acme.example.test", "/shop?page=2");
  std::string asked;
  stage.serve(client, [&]() -> Task<void> {
    asked = co_await server.request(stage.loop);
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\nX-A: 1\r\n\r\nhello");
  });
  CHECK(asked.starts_with("GET /shop?page=2 HTTP/1.1\r\nHost: acme.example.test\r\n"));
  CHECK(asked.find("\r\nX-Forwarded-For: 192.0.2.1\r\n") != std::string::npos);
  CHECK(client.exchange.response.status == 200);
  CHECK(client.body == "hello");
  CHECK(client.field("X-A") == "1");
  CHECK(client.field("Keep-Alive") == "-");  // it concerned one hop
  CHECK(client.exchange.record.attempts == 1);
  CHECK(client.exchange.record.error.empty());
  CHECK_FALSE(client.watched);
}

TEST_CASE("a stream holds no configuration, and may be silent", "[proxy][pipeline]") {
  Server server;
  Stage stage(server.text());
  Client client;
  client.responding = [&] {
    stage.publish();
    CHECK(stage.disposed == 1);  // the one this request began with
  };
  stage.serve(client, [&]() -> Task<void> {
    co_await server.request(stage.loop);
    server.answer("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nhello");
    while (client.body != "hello")
      co_await stage.loop.yield();
    server.hang_up();
  });
  CHECK(client.exchange.response.status == 200);
  CHECK(client.exchange.long_lived);
  CHECK(client.exchange.record.pool == "app");
  CHECK(client.exchange.tenant == "acme");
}

TEST_CASE("a tunnel holds no configuration, and is told of all the same", "[proxy][pipeline]") {
  Server server;
  Stage stage(server.text());
  Client client;
  client.exchange.request.upgrade = "websocket";
  client.responding = [&] {
    stage.publish();
    CHECK(stage.disposed == 1);  // the one this request began with
  };
  stage.serve(client, [&]() -> Task<void> {
    co_await server.request(stage.loop);
    server.answer(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello");
    while (client.body != "hello")
      co_await stage.loop.yield();
    server.hang_up();
  });
  CHECK(client.exchange.response.status == 101);
  // The upload keeps the view it began with.
  CHECK(client.exchange.own_field == "X-Tenant");
  CHECK(client.exchange.own_field.data() == client.own_field_then.data());
  CHECK(client.exchange.record.pool == "app");
  CHECK(client.exchange.record.route_file == "t.yaml");
  CHECK(client.exchange.tenant == "acme");
}

TEST_CASE("a client that is banned is turned away before anything else", "[proxy][pipeline]") {
  const Nanos until = steady_now() + Nanos{90} * 1'000'000'000;
  const auto client = AddressBlock::parse("192.0.2.1").value();
  struct Case {
    const char* tenant;
    const char* host;
    const char* target;
    std::uint32_t listener;
    bool banned;
  };
  for (const Case& c :
       {Case{"", "acme.example.test", "/", 1, true}, Case{"", "other.test", "/", 1, true},
        Case{"", "acme.example.test", "/", 0, true}, Case{"acme", "acme.example.test", "/a/b", 1, true},
        Case{"acme", "beta.example.test", "/", 1, false}, Case{"acme", "other.test", "/", 1, false}}) {
    CAPTURE(c.tenant, c.host, c.target, c.listener);
    Stage stage;
    REQUIRE(stage.limits.bans.add({.block = client, .tenant = c.tenant, .until = until}));
    Client visitor(c.host, c.target, c.listener);
    http::TextBody body("much");
    visitor.exchange.request_body = &body;
    stage.serve(visitor);
    CHECK((visitor.exchange.response.status == 403) == c.banned);
    CHECK((visitor.field("Retry-After") == "90") == c.banned);
    CHECK((visitor.exchange.record.limited == "ban") == c.banned);
    if (c.banned) CHECK(visitor.closes);
    CHECK(visitor.responses == 1);
  }
}

TEST_CASE("a tenant on hold is told so until its time is over", "[proxy][pipeline]") {
  for (const auto& [host, status] : {std::pair("acme.example.test", 503), std::pair("beta.example.test", 502),
                                     std::pair("gamma.example.test", 502), std::pair("other.test", 410)}) {
    CAPTURE(host);
    Stage stage;
    const Nanos now = stage.loop.now();
    auto runtime = std::make_shared<Runtime>(stage.pipeline.runtime());
    runtime->holds = std::make_shared<const limits::Holds>(limits::Holds{
        {"acme", {now + Nanos{60} * 1'000'000'000, "moving"}}, {"beta", {now, "it was moving"}}});
    stage.pipeline.publish(runtime);
    Client visitor(host);
    stage.serve(visitor);
    CHECK(visitor.exchange.response.status == status);
    CHECK((visitor.field("Retry-After") == "60") == (status == 503));
    CHECK((visitor.exchange.record.limited == "hold") == (status == 503));
    // Strangers are not told why.
    CHECK(visitor.field("Proxy-Status").find("moving") == std::string::npos);
  }
}
