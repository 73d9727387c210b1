// Handshakes of the client side with the server side: who is believed to be the server, which protocol is
// agreed on, whether sessions resume.
#include "sluice/tls/client_context.hpp"

#include "sluice/tls/server_context.hpp"

#include "unit/tls/certificates.hpp"

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::tls;
using namespace sluice::test;

namespace {

using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Names = std::vector<std::string>;

constexpr Protocols kBoth{.h2 = true, .http1 = true};
constexpr Protocols kH2{.h2 = true, .http1 = false};

SocketAddress at(const char* address) { return *SocketAddress::parse(address); }

// A server with one certificate of its own, for `names` as OpenSSL writes them.
struct Host {
  explicit Host(const Names& names, long from_seconds = -3600, long to_seconds = 3600)
      : Host(make_key("ECDSA"), names, from_seconds, to_seconds) {}
  Host(KeyPtr key, const Names& names, long from_seconds, long to_seconds) {
    X509Ptr leaf = make_certificate(key.get(), names, from_seconds, to_seconds);
    show(std::move(key), std::move(leaf));
  }
  Host(KeyPtr key, X509Ptr leaf) { show(std::move(key), std::move(leaf)); }

  X509* certificate() const { return identity->leaf.get(); }
  // A context that trusts this server's certificate.
  std::shared_ptr<const ClientContext> friendly(bool h2 = false) const {
    std::string error;
    auto made = ClientContext::make({true, dir.write("own.pem", {certificate()}), h2}, error);
    REQUIRE(error.empty());
    REQUIRE(made != nullptr);
    return made;
  }

  TempDir dir;
  std::shared_ptr<const Identity> identity;
  std::unique_ptr<ServerContext> context;

 private:
  void show(KeyPtr key, X509Ptr leaf) {
    auto made = std::make_shared<Identity>();
    made->key = std::move(key);
    made->leaf = std::move(leaf);
    made->chain.reset(sk_X509_new_null());
    made->names = {"unused.example"};
    made->key_type = "ECDSA";
    identity = made;
    auto index = std::make_shared<CertificateIndex>();
    index->add(identity);
    context = std::make_unique<ServerContext>(index, std::make_shared<TicketKeys>());
  }
};

// A handshake in memory, no socket.
struct Handshake {
  Handshake(SslPtr server_side, SSL* client_side) : server(std::move(server_side)), client(client_side) {
    BIO* ends[2]{};
    ready = client != nullptr && BIO_new_bio_pair(&ends[0], 0, &ends[1], 0) == 1;
    if (!ready) return;
    SSL_set_bio(server.get(), ends[0], ends[0]);
    SSL_set_bio(client.get(), ends[1], ends[1]);
    for (int round = 0; round < 10 && !done; ++round) {
      const int on_client = SSL_do_handshake(client.get());
      const int on_server = SSL_do_handshake(server.get());
      done = on_client == 1 && on_server == 1;
    }
    // TLS 1.3 sends its tickets behind the handshake.
    char byte = 0;
    if (done) SSL_read(client.get(), &byte, 1);
    ERR_clear_error();
  }
  Handshake(const Host& host, const ClientContext& from, const std::string& name, const char* address,
            Protocols protocols = {})
      : Handshake(SslPtr(host.context->accept(protocols)), from.connect(name, at(address))) {}

  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  std::string asked_for() const {
    const char* name = SSL_get_servername(server.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  bool resumed() const { return SSL_session_reused(client.get()) == 1; }
  long verdict() const { return SSL_get_verify_result(client.get()); }

  bool ready = false;
  bool done = false;
  SslPtr server;
  SslPtr client;
};

std::string refusal(const ClientSettings& settings) {
  std::string error;
  CHECK(ClientContext::make(settings, error) == nullptr);
  CHECK(ERR_peek_error() == 0);
  return error;
}

std::shared_ptr<const ClientContext> careless(bool h2 = false) {
  std::string error;
  return ClientContext::make({false, "", h2}, error);
}

// Makes `cert` one that `issuer` signed; both had been signed by themselves.
void reissue(X509* cert, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(cert, X509_get_subject_name(issuer));
  REQUIRE(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
}

void rename(X509* cert, const char* name) {
  X509_NAME* subject = X509_get_subject_name(cert);
  X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1,
                             -1, 0);
}

}  // namespace

TEST_CASE("a server is who it says when its certificate has the name", "[tls][client]") {
  const Host host({"DNS:app.internal", "DNS:*.wild.internal", "DNS:part*.some.internal", "IP:127.0.0.1"});
  const auto context = host.friendly();
  const auto accepted = [&](const std::string& name) {
    const Handshake shaken(host, *context, name, "10.0.0.1:443");
    CHECK(shaken.done == (shaken.verdict() == X509_V_OK));
    CHECK((shaken.done || shaken.verdict() == X509_V_ERR_HOSTNAME_MISMATCH));
    return shaken.done;
  };
  CHECK(accepted("app.internal"));
  CHECK(accepted("APP.internal"));
  CHECK(accepted("a.wild.internal"));
  CHECK_FALSE(accepted("other.internal"));
  CHECK_FALSE(accepted("wild.internal"));
  CHECK_FALSE(accepted("a.b.wild.internal"));
  CHECK_FALSE(accepted("partial.some.internal"));
  CHECK_FALSE(accepted("test"));  // the subject's common name
}

TEST_CASE("a certificate without names is for nobody, whatever its subject says", "[tls][client]") {
  const Host host(Names{});
  CHECK_FALSE(Handshake(host, *host.friendly(), "test", "10.0.0.1:443").done);
}

TEST_CASE("a server that is known by its address is verified by it", "[tls][client]") {
  const Host host({"DNS:127.0.0.3", "IP:127.0.0.1", "IP:::1"});
  const auto context = host.friendly();
  const auto accepted = [&](const std::string& name, const char* address) {
    const Handshake shaken(host, *context, name, address);
    CHECK(shaken.asked_for().empty());  // RFC 6066 §3: no addresses in server names
    return shaken.done;
  };
  CHECK(accepted("", "127.0.0.1:443"));
  CHECK(accepted("", "[::1]:443"));
  CHECK(accepted("", "[::ffff:127.0.0.1]:443"));
  CHECK_FALSE(accepted("", "127.0.0.2:443"));
  CHECK_FALSE(accepted("", "127.0.0.3:443"));
  CHECK_FALSE(accepted("", "[::2]:443"));
  CHECK(accepted("127.0.0.1", "10.0.0.1:443"));
  CHECK_FALSE(accepted("127.0.0.2", "127.0.0.1:443"));
}

TEST_CASE("who is not trusted is refused", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  const Host other({"DNS:app.internal"});
  const Handshake shaken(host, *other.friendly(), "app.internal", "10.0.0.1:443");
  CHECK_FALSE(shaken.done);
  CHECK(shaken.verdict() != X509_V_OK);
  std::string error;
  const auto by_system = ClientContext::make({}, error);
  REQUIRE(by_system != nullptr);
  CHECK_FALSE(Handshake(host, *by_system, "app.internal", "10.0.0.1:443").done);
}

TEST_CASE("a certificate out of its time is refused", "[tls][client]") {
  const Host late({"DNS:app.internal"}, -7200, -3600);
  CHECK(Handshake(late, *late.friendly(), "app.internal", "10.0.0.1:443").verdict() ==
        X509_V_ERR_CERT_HAS_EXPIRED);
  const Host early({"DNS:app.internal"}, 3600, 7200);
  CHECK(Handshake(early, *early.friendly(), "app.internal", "10.0.0.1:443").verdict() ==
        X509_V_ERR_CERT_NOT_YET_VALID);
}

TEST_CASE("trust in an authority, or in one certificate that an authority signed", "[tls][client]") {
  const KeyPtr authority_key = make_key("ECDSA");
  const X509Ptr authority = make_certificate(authority_key.get(), {});
  rename(authority.get(), "authority");
  add_extension(authority.get(), NID_basic_constraints, "critical,CA:TRUE");
  reissue(authority.get(), authority.get(), authority_key.get());
  KeyPtr key = make_key("ECDSA");
  X509Ptr leaf = make_certificate(key.get(), {"DNS:app.internal"});
  reissue(leaf.get(), authority.get(), authority_key.get());
  const Host host(std::move(key), std::move(leaf));
  const Host stranger({"DNS:app.internal"});

  const auto accepted = [&](const std::vector<X509*>& trusted) {
    std::string error;
    const auto context = ClientContext::make({true, host.dir.write("ca.pem", trusted), false}, error);
    REQUIRE(context != nullptr);
    return Handshake(host, *context, "app.internal", "10.0.0.1:443").done;
  };
  CHECK(accepted({authority.get()}));
  CHECK(accepted({stranger.certificate(), authority.get()}));
  CHECK(accepted({host.certificate()}));
  CHECK(accepted({host.certificate(), host.certificate()}));
  CHECK_FALSE(accepted({stranger.certificate()}));
}

TEST_CASE("without verification anybody is the server", "[tls][client]") {
  const Host host({"DNS:app.internal"}, -7200, -3600);
  const auto context = careless();
  for (const char* name : {"app.internal", "other.internal", ""}) {
    CAPTURE(name);
    const Handshake shaken(host, *context, name, "10.0.0.1:443");
    CHECK(shaken.done);
    CHECK(shaken.asked_for() == name);
  }
}

TEST_CASE("behind a unix socket it takes a name to verify", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  const auto context = host.friendly();
  CHECK(Handshake(host, *context, "app.internal", "unix:/run/app.sock").done);
  CHECK(context->connect("", at("unix:/run/app.sock")) == nullptr);
  CHECK(ERR_peek_error() == 0);
  CHECK(Handshake(host, *careless(), "", "unix:/run/app.sock").done);
}

TEST_CASE("the server is asked for by name", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  CHECK(Handshake(host, *host.friendly(), "app.internal", "10.0.0.1:443").asked_for() == "app.internal");
}

TEST_CASE("one protocol is offered, and the server takes it or refuses", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  const auto agreed = [&](bool h2, Protocols theirs) -> std::string {
    const Handshake shaken(host, *host.friendly(h2), "app.internal", "10.0.0.1:443", theirs);
    return shaken.done ? shaken.protocol() : "failed";
  };
  CHECK(agreed(true, kBoth) == "h2");
  CHECK(agreed(true, kH2) == "h2");
  CHECK(agreed(false, kBoth) == "http/1.1");
  CHECK(agreed(false, {}) == "http/1.1");
  CHECK(agreed(true, {}) == "failed");
  CHECK(agreed(false, kH2) == "failed");
}

TEST_CASE("a server that knows no ALPN chooses nothing", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  const ContextPtr plain(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_cert_and_key(plain.get(), host.certificate(), host.identity->key.get(), nullptr, 1);
  for (const bool h2 : {true, false}) {
    SslPtr server(SSL_new(plain.get()));
    SSL_set_accept_state(server.get());
    const auto context = host.friendly(h2);
    const Handshake shaken(std::move(server), context->connect("app.internal", at("10.0.0.1:443")));
    CHECK(shaken.done);
    CHECK(shaken.protocol().empty());
  }
}

TEST_CASE("versions before 1.2 are refused", "[tls][client]") {
  const Host host({"DNS:app.internal"});
  const ContextPtr old(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_use_cert_and_key(old.get(), host.certificate(), host.identity->key.get(), nullptr, 1);
  for (const int version : {TLS1_1_VERSION, TLS1_2_VERSION}) {
    SSL_CTX_set_max_proto_version(old.get(), version);
    SslPtr server(SSL_new(old.get()));
    SSL_set_accept_state(server.get());
    const Handshake shaken(std::move(server), careless()->connect("app.internal", at("10.0.0.1:443")));
    CHECK(shaken.done == (version == TLS1_2_VERSION));
  }
}

TEST_CASE("sessions resume, each with the server it was made with", "[tls][client]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const Host host({"DNS:a.internal", "DNS:b.internal"});
    const auto context = host.friendly();
    const auto resumes = [&](const ClientContext& from, const char* name, const char* address) {
      SSL* client = from.connect(name, at(address));
      SSL_set_max_proto_version(client, version);
      // It is dropped without a word, as connections often are: that must not spoil what was kept.
      const Handshake shaken(SslPtr(host.context->accept()), client);
      CHECK(shaken.done);
      return shaken.resumed();
    };
    CHECK_FALSE(resumes(*context, "a.internal", "10.0.0.1:443"));
    CHECK(resumes(*context, "a.internal", "10.0.0.1:443"));
    CHECK(resumes(*context, "a.internal", "10.0.0.1:443"));
    CHECK_FALSE(resumes(*context, "b.internal", "10.0.0.1:443"));
    CHECK_FALSE(resumes(*context, "a.internal", "10.0.0.2:443"));
    CHECK(resumes(*context, "b.internal", "10.0.0.1:443"));
    CHECK(resumes(*context, "a.internal", "10.0.0.1:443"));
    CHECK_FALSE(resumes(*host.friendly(), "a.internal", "10.0.0.1:443"));
  }
}

TEST_CASE("a session that the server has forgotten costs nothing but a whole handshake", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  const auto context = host.friendly();
  REQUIRE(Handshake(host, *context, "a.internal", "10.0.0.1:443").done);
  auto index = std::make_shared<CertificateIndex>();
  index->add(host.identity);
  const ServerContext restarted(index, std::make_shared<TicketKeys>());
  const Handshake again(SslPtr(restarted.accept()), context->connect("a.internal", at("10.0.0.1:443")));
  CHECK(again.done);
  CHECK_FALSE(again.resumed());
}

TEST_CASE("a refused server leaves no session behind", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  const Host other({"DNS:a.internal"});
  const auto context = other.friendly();
  for (int round = 0; round < 2; ++round) {
    const Handshake shaken(host, *context, "a.internal", "10.0.0.1:443");
    CHECK_FALSE(shaken.done);
    CHECK_FALSE(shaken.resumed());
  }
}

TEST_CASE("the number of kept sessions is bounded", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  const auto context = careless();
  const auto address = [](int i) {
    return "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":1";
  };
  for (int i = 0; i < 300; ++i)
    REQUIRE(Handshake(host, *context, "a.internal", address(i).c_str()).done);
  int kept = 0;
  for (int i = 0; i < 300; ++i) {
    const SslPtr next(context->connect("a.internal", at(address(i).c_str())));
    if (SSL_get_session(next.get()) != nullptr) ++kept;
  }
  CHECK(kept == 256);
}

TEST_CASE("a connection may outlive its context", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  auto context = host.friendly();
  SSL* client = context->connect("a.internal", at("10.0.0.1:443"));
  context.reset();
  CHECK(Handshake(SslPtr(host.context->accept()), client).done);
}

TEST_CASE("several threads connect at once", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  const auto context = host.friendly();
  int done[2]{};
  const auto work = [&](int& count) {
    for (int i = 0; i < 20; ++i)
      count += Handshake(host, *context, "a.internal", "10.0.0.1:443").done ? 1 : 0;
  };
  std::thread second([&] { work(done[1]); });
  work(done[0]);
  second.join();
  CHECK(done[0] == 20);
  CHECK(done[1] == 20);
}

TEST_CASE("a CA file that is none", "[tls][client]") {
  const Host host({"DNS:a.internal"});
  CHECK(refusal({true, "/nonexistent/ca.pem", false}) ==
        "cannot read /nonexistent/ca.pem: No such file or directory");
  const std::string empty = host.dir.write("empty", std::string());
  CHECK(refusal({true, empty, false}) == "no certificate in " + empty + ": it is empty");
  const std::string key = host.dir.write("key", host.identity->key.get());
  CHECK(refusal({true, key, false}) == "no certificate in " + key + ": it holds a private key");
  CHECK(refusal({true, host.dir.path(), false}) == "cannot read " + host.dir.path() + ": Is a directory");
  CHECK(refusal({false, empty, true}).find("no certificate in ") == 0);  // told although it is not needed

  const std::string half = host.dir.write("half", {host.certificate()});
  FILE* more = std::fopen(half.c_str(), "a");
  std::fputs("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n", more);
  std::fclose(more);
  CHECK(refusal({true, half, false}).find("a damaged certificate in " + half) == 0);
}
