// Handshakes with the server side: which certificate, which protocol, whether sessions resume.
#include "sluice/tls/server_context.hpp"

#include "unit/net/tls_fixture.hpp"

#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::tls;
using namespace sluice::test;

namespace {

using SslPtr = std::unique_ptr<SSL, Freer<SSL_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;

// A handshake in memory, no socket. `prepare` sets the client up.
struct Handshake {
  template <class Prepare>
  Handshake(const ServerContext& context, SSL_CTX* client_context, Prepare prepare, Protocols protocols = {})
      : server(context.accept(protocols)), client(SSL_new(client_context)) {
    SSL_set_connect_state(client.get());
    prepare(client.get());
    BIO* ends[2]{};
    REQUIRE(BIO_new_bio_pair(&ends[0], 0, &ends[1], 0) == 1);
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
  const X509* certificate() const { return SSL_get0_peer_certificate(client.get()); }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  SessionPtr session() const { return SessionPtr(SSL_get1_session(client.get())); }

  bool done = false;
  SslPtr server;
  SslPtr client;
};

// By the functions behind OpenSSL's macros, which cast in the old style.
void ask_for(SSL* ssl, const char* name) {
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
}
void accept_only(SSL* ssl, const char* algorithms) {
  SSL_ctrl(ssl, SSL_CTRL_SET_SIGALGS_LIST, 0, const_cast<char*>(algorithms));
}

struct Setup {
  explicit Setup(std::vector<std::shared_ptr<const Identity>> all) : identities(std::move(all)) {
    auto index = std::make_shared<CertificateIndex>();
    for (const auto& identity : identities)
      index->add(identity);
    context = std::make_unique<ServerContext>(index, tickets);
  }
  // The position of the certificate that the client sees; -1 when the handshake fails.
  template <class Prepare>
  int chosen(SSL_CTX* client, Prepare prepare) const {
    const Handshake shaken(*context, client, prepare);
    if (!shaken.done) return -1;
    for (std::size_t i = 0; i < identities.size(); ++i) {
      if (X509_cmp(shaken.certificate(), identities[i]->leaf.get()) == 0) return static_cast<int>(i);
    }
    return -2;
  }
  std::vector<std::shared_ptr<const Identity>> identities;
  std::shared_ptr<TicketKeys> tickets = std::make_shared<TicketKeys>();
  std::unique_ptr<ServerContext> context;
};

}  // namespace

TEST_CASE("the certificate is the one for the server name", "[tls][context]") {
  const Setup setup({make_identity({"first.example"}), make_identity({"*.example.com"}),
                     make_identity({"www.example.com"})});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const ContextPtr client = client_context(version);
    const auto chosen = [&](const char* name) {
      return setup.chosen(client.get(), [&](SSL* ssl) { ask_for(ssl, name); });
    };
    CHECK(chosen("www.example.com") == 2);
    CHECK(chosen("WWW.Example.COM") == 2);
    CHECK(chosen("www.example.com.") == 2);
    CHECK(chosen("api.example.com") == 1);
    CHECK(chosen("a.b.example.com") == 0);
    CHECK(chosen("unknown") == 0);
    CHECK(setup.chosen(client.get(), [](SSL*) {}) == 0);
  }
}

TEST_CASE("a client gets the key type that it can verify", "[tls][context]") {
  const Setup setup({make_identity({"a.example"}, "ECDSA"), make_identity({"a.example"}, "RSA")});
  const auto chosen = [&](int version, const char* algorithms) {
    const ContextPtr client = client_context(version);
    return setup.chosen(client.get(), [&](SSL* ssl) {
      ask_for(ssl, "a.example");
      accept_only(ssl, algorithms);
    });
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CHECK(chosen(version, "ECDSA+SHA256:RSA-PSS+SHA256") == 0);
    CHECK(chosen(version, "RSA-PSS+SHA256:RSA+SHA256") == 1);
    CHECK(chosen(version, "ECDSA+SHA256") == 0);
  }
}

TEST_CASE("old protocols and weak ciphers are refused", "[tls][context]") {
  const Setup setup({make_identity({"a.example"}, "RSA")});
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    const ContextPtr client = client_context(version);
    SSL_CTX_set_cipher_list(client.get(), "ALL:@SECLEVEL=0");
    CHECK(setup.chosen(client.get(), [](SSL*) {}) == -1);
  }
  for (const char* cipher : {"AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA",
                             "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"}) {
    CAPTURE(cipher);
    const ContextPtr client = client_context(TLS1_2_VERSION);
    REQUIRE(SSL_CTX_set_cipher_list(client.get(), cipher) == 1);
    CHECK(setup.chosen(client.get(), [](SSL*) {}) == -1);
  }
  const ContextPtr client = client_context(TLS1_2_VERSION);
  REQUIRE(SSL_CTX_set_cipher_list(client.get(), "ECDHE-RSA-AES128-GCM-SHA256") == 1);
  CHECK(setup.chosen(client.get(), [](SSL*) {}) == 0);
}

TEST_CASE("the protocol is agreed on, or the handshake fails", "[tls][context]") {
  const Setup setup({make_identity({"a.example"})});
  constexpr Protocols kHttp1{.h2 = false, .http1 = true};
  constexpr Protocols kH2{.h2 = true, .http1 = false};
  constexpr Protocols kBoth{.h2 = true, .http1 = true};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const ContextPtr client = client_context(version);
    const auto agreed = [&](Protocols ours, std::string_view offer) -> std::string {
      const auto set_offer = [&](SSL* ssl) {
        if (offer.empty()) return;
        SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size()));
      };
      const Handshake shaken(*setup.context, client.get(), set_offer, ours);
      return shaken.done ? shaken.protocol() : "failed";
    };
    CHECK(agreed(kHttp1, "\x08http/1.1") == "http/1.1");
    CHECK(agreed(kHttp1, "\x05other\x08http/1.1") == "http/1.1");
    CHECK(agreed(kHttp1, "\x02h2\x08http/1.1") == "http/1.1");
    CHECK(agreed(kHttp1, "\x02h2") == "failed");
    CHECK(agreed(kHttp1, "\x05other") == "failed");
    CHECK(agreed(kHttp1, "").empty());

    CHECK(agreed(kBoth, "\x02h2\x08http/1.1") == "h2");
    CHECK(agreed(kBoth, "\x08http/1.1\x02h2") == "h2");  // the order is ours
    CHECK(agreed(kBoth, "\x02h2") == "h2");
    CHECK(agreed(kBoth, "\x08http/1.1") == "http/1.1");
    CHECK(agreed(kBoth, "\x03h2c\x05h2-14\x08http/1.0") == "failed");
    CHECK(agreed(kBoth, "").empty());

    CHECK(agreed(kH2, "\x08http/1.1\x02h2") == "h2");
    CHECK(agreed(kH2, "\x08http/1.1") == "failed");
    CHECK(agreed(kH2, "") == "failed");
  }
}

TEST_CASE("who shares no protocol with us is told so", "[tls][context]") {
  const Setup setup({make_identity({"a.example"})});
  const ContextPtr client = client_context(TLS1_3_VERSION);
  constexpr Protocols kH2{.h2 = true, .http1 = false};
  for (const std::string_view offer : {std::string_view("\x08http/1.1"), std::string_view()}) {
    int told = 0;
    const auto prepare = [&](SSL* ssl) {
      if (!offer.empty())
        SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned>(offer.size()));
      SSL_set_app_data(ssl, &told);
      SSL_set_info_callback(ssl, [](const SSL* at, int where, int value) {
        if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
          *static_cast<int*>(SSL_get_app_data(at)) = value;
      });
    };
    const Handshake shaken(*setup.context, client.get(), prepare, kH2);
    CHECK_FALSE(shaken.done);
    CHECK((told & 0xff) == SSL_AD_NO_APPLICATION_PROTOCOL);
  }
}

TEST_CASE("sessions resume by ticket, also under the next configuration and the next key", "[tls][context]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const Setup setup({make_identity({"a.example"})});
    const ContextPtr client = client_context(version);
    const Handshake first(*setup.context, client.get(), [](SSL* ssl) { ask_for(ssl, "a.example"); });
    REQUIRE(first.done);
    CHECK(SSL_session_reused(first.client.get()) == 0);
    const SessionPtr session = first.session();
    const auto resumes = [&](const ServerContext& context) {
      const SessionPtr copy(SSL_SESSION_dup(session.get()));
      const Handshake again(context, client.get(), [&](SSL* ssl) {
        ask_for(ssl, "a.example");
        SSL_set_session(ssl, copy.get());
      });
      CHECK(again.done);
      return SSL_session_reused(again.client.get()) == 1;
    };
    CHECK(resumes(*setup.context));
    // A reload makes another context with the same keys.
    auto index = std::make_shared<CertificateIndex>();
    index->add(setup.identities[0]);
    const ServerContext reloaded(index, setup.tickets);
    CHECK(resumes(reloaded));
    setup.tickets->rotate();
    CHECK(resumes(reloaded));
    setup.tickets->rotate();
    CHECK(resumes(reloaded));
    setup.tickets->rotate();
    CHECK_FALSE(resumes(reloaded));
    const ServerContext stranger(index, std::make_shared<TicketKeys>());
    CHECK_FALSE(resumes(stranger));
  }
}

TEST_CASE("a session stands for the certificate that it began with", "[tls][context]") {
  const auto wild = make_identity({"*.example.com", "example.com"});
  const auto site = make_identity({"www.acme.test"});
  const Setup setup({wild, site});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const ContextPtr client = client_context(version);
    const auto visit = [&](const ServerContext& context, const char* name, SSL_SESSION* session) {
      return std::make_unique<Handshake>(context, client.get(), [&](SSL* ssl) {
        if (name != nullptr) ask_for(ssl, name);
        if (session != nullptr) SSL_set_session(ssl, session);
      });
    };
    // Which certificate stands for the second connection, and whether it resumed.
    const auto again = [&](const ServerContext& context, const char* first, const char* second) {
      const auto begun = visit(*setup.context, first, nullptr);
      REQUIRE(begun->done);
      const SessionPtr session(SSL_SESSION_dup(begun->session().get()));
      const auto next = visit(context, second, session.get());
      REQUIRE(next->done);
      const char* name = SSL_get_servername(next->server.get(), TLSEXT_NAMETYPE_host_name);
      CHECK(std::string(name != nullptr ? name : "") == (second != nullptr ? second : ""));
      return std::pair(context.shown(next->server.get()), SSL_session_reused(next->server.get()) == 1);
    };
    CHECK(setup.context->shown(visit(*setup.context, "www.acme.test", nullptr)->server.get()) == site);
    CHECK(setup.context->shown(visit(*setup.context, nullptr, nullptr)->server.get()) == wild);
    CHECK(again(*setup.context, "www.acme.test", "www.acme.test") == std::pair(site, true));
    CHECK(again(*setup.context, nullptr, nullptr) == std::pair(wild, true));
    CHECK(again(*setup.context, "a.example.com", "b.example.com") ==
          std::pair(wild, version == TLS1_3_VERSION));
    CHECK(again(*setup.context, "www.acme.test", "a.example.com") == std::pair(wild, false));
    CHECK(again(*setup.context, "www.acme.test", nullptr) == std::pair(wild, false));
    CHECK(again(*setup.context, nullptr, "www.acme.test") == std::pair(site, false));
    // After a reload in which the certificate was renewed, and one in which it was not.
    const auto renewed = std::make_shared<CertificateIndex>();
    const auto fresh = make_identity({"www.acme.test"});
    renewed->add(wild);
    renewed->add(fresh);
    const ServerContext reloaded(renewed, setup.tickets);
    CHECK(again(reloaded, "www.acme.test", "www.acme.test") == std::pair(fresh, false));
    CHECK(again(reloaded, "a.example.com", "a.example.com") == std::pair(wild, true));
  }
}

TEST_CASE("there is no renegotiation", "[tls][context]") {
  const Setup setup({make_identity({"a.example"})});
  const ContextPtr client = client_context(TLS1_2_VERSION);
  const Handshake shaken(*setup.context, client.get(), [](SSL*) {});
  REQUIRE(shaken.done);
  REQUIRE(SSL_renegotiate(shaken.client.get()) == 1);
  // The client asks, the server answers with a refusal, the client gives up: it must not get to its end.
  bool agreed = false;
  for (int round = 0; round < 10; ++round) {
    char byte = 0;
    agreed = agreed || SSL_do_handshake(shaken.client.get()) == 1;
    SSL_read(shaken.server.get(), &byte, 1);
  }
  CHECK_FALSE(agreed);
  ERR_clear_error();
}

TEST_CASE("a key that OpenSSL will not use is refused when it is read, not at each handshake",
          "[tls][context]") {
  const TempDir dir;
  const KeyPtr key = make_key("RSA1024");
  const X509Ptr leaf = make_certificate(key.get(), {"DNS:a.example"});
  LoadFailure failure;
  const auto identity =
      IdentityLoader().load(dir.write("a.pem", {leaf.get()}), dir.write("a.key", key.get()), failure);
  if (identity == nullptr) {
    CHECK_FALSE(failure.message.empty());
    return;
  }
  const Setup setup({identity});
  const ContextPtr client = client_context(TLS1_3_VERSION);
  SSL_CTX_set_security_level(client.get(), 0);
  CHECK(setup.chosen(client.get(), [](SSL*) {}) == 0);
}
