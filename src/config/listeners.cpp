#include "config/address.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

enum class Protocol : std::uint8_t { h2, http1, h2c };
constexpr std::array<std::string_view, 3> kProtocolWords{"h2", "http/1.1", "h2c"};
constexpr std::array<std::string_view, 5> kLaterProtocols{"h3", "http/3", "http3", "quic", "HTTP/3"};
constexpr Choices kProtocols{kProtocolWords, kLaterProtocols};
constexpr std::array<std::string_view, 1> kRedirectWords{"https"};
constexpr Choices kRedirects{kRedirectWords, {}};
constexpr std::array<std::string_view, 2> kHalfClosedWords{"finish", "cancel"};
constexpr Choices kHalfClosed{kHalfClosedWords, {}};
constexpr std::array<std::string_view, 2> kMismatchWords{"refuse", "allow"};
constexpr Choices kMismatches{kMismatchWords, {}};

std::optional<std::string> listener_address(const Cursor& at) {
  return read_parsed(at, [](std::string_view word) { return parse_address(word, Role::listener); });
}

void read_redirect(const Cursor& at, Listener& out) {
  if (read_choice(at, kRedirects)) out.redirect_https = true;
}

// Other proxies have the certificates here.
void read_listener_tls(const Cursor& at, Listener& out) {
  if (at.node().kind != Kind::map) return set<&Listener::tls, boolean>(at, out);
  at.error(
      "expected true or false, got a map; write true, and the certificates under \"tls\" at the top of the "
      "file");
}

// Which protocols fit depends on `tls`, which may come later: read_protocols() reads them after the map.
void leave_for_later(const Cursor&, Listener&) {}

// Why `word` cannot be spoken on this listener beside those before it; empty when it can.
std::string_view misfit(Protocol word, const Listener& listener, bool tls_in_doubt) {
  if (word == Protocol::h2c && listener.tls) {
    return "\"h2c\" is HTTP/2 without TLS, and this listener has \"tls: true\"; write \"h2\"";
  }
  if (word == Protocol::h2 && !listener.tls && !tls_in_doubt) {
    return "\"h2\" needs \"tls: true\"; for HTTP/2 without TLS write [h2c]";
  }
  const bool apart = (word == Protocol::h2c && listener.http1) || (word == Protocol::http1 && listener.h2c);
  return apart ? "\"h2c\" and \"http/1.1\" need a listener each; write one of them here" : "";
}

bool& flag_of(Protocol word, Listener& listener) {
  switch (word) {
    case Protocol::h2: return listener.h2;
    case Protocol::h2c: return listener.h2c;
    case Protocol::http1: break;
  }
  return listener.http1;
}

void read_protocol(const Cursor& at, Listener& out, bool tls_in_doubt) {
  const auto word = choice<Protocol, kProtocols>(at);
  if (!word) return;
  bool& spoken = flag_of(*word, out);
  if (spoken) {
    at.error("this protocol stands in the list already; leave it out here");
  } else if (const std::string_view problem = misfit(*word, out, tls_in_doubt); !problem.empty()) {
    at.error(std::string(problem));
  } else {
    spoken = true;
  }
}

void read_protocols(const Cursor& at, Listener& out, bool tls_in_doubt) {
  out.h2 = out.http1 = false;
  read_list(at, [&](const Cursor& item) { read_protocol(item, out, tls_in_doubt); });
  if (at.node().kind == Kind::list && at.children().empty())
    at.error("the list is empty; leave the key out instead");
}

// What suits the listener, unless something is written.
void settle_protocols(const Cursor& at, Listener& out) {
  out.h2 = out.tls;
  if (const auto protocols = at.find("protocols")) read_protocols(*protocols, out, at.doubtful("tls"));
}

// The path of a certificate alone, which does not say where the key is.
bool refuse_lone_path(const Cursor& at, std::string_view expected, std::string_view before,
                      std::string_view behind) {
  if (at.node().kind != Kind::scalar) return false;
  at.error(fmt::format("expected {0}, got {1}; write {2}{{ cert: {1}, key: FILE }}{3}", expected,
                       quoted(at.node().text), before, behind));
  return true;
}

void read_certificates(const Cursor& at, Tls& out) {
  if (refuse_lone_path(at, "a list", "[", "]")) return at.context().out.doubt(at.path());
  read_list(at, [&](const Cursor& item) {
    Certificate& certificate = out.certificates.emplace_back();
    certificate.at = item.at();
    if (refuse_lone_path(item, "a map", "", "")) return;
    read_map(item, kCertificateSchema, certificate);
  });
  if (at.node().kind == Kind::list && at.children().empty()) at.error("at least one certificate is needed");
}

void read_listener(const Cursor& at, Listener& out) {
  if (at.node().kind == Kind::scalar) {
    locate<&Listener::address, listener_address>(at, out);
    return;
  }
  if (!at.expect(Kind::map, "an address or a map")) return;
  read_map(at, kListenerSchema, out);
  settle_protocols(at, out);
  if (out.tls && out.redirect_https) {
    at.error_at_key("\"redirect: https\" is for plain listeners; this one has \"tls: true\"");
  }
  if (const auto mismatch = at.find("sni_mismatch"); mismatch && !out.tls && !at.doubtful("tls"))
    mismatch->error_at_key("\"sni_mismatch\" is for listeners with \"tls: true\"; leave it out here");
}

constexpr std::array kListenerKeys{
    Key<Listener>{
        {"address", "address", kRequired,
         "`127.0.0.1:8080`, `[::1]:8080`, `:8080` for every address of the machine, or `unix:/path`; "
         "port 0 lets the system choose."},
        &locate<&Listener::address, listener_address>},
    Key<Listener>{{"tls", "boolean", "false", "Whether clients speak TLS here."}, &read_listener_tls},
    Key<Listener>{{"protocols", "list", "`[h2, http/1.1]` under TLS, else `[http/1.1]`",
                   "Protocols spoken here. Under TLS `h2`, `http/1.1` or both; without TLS either `http/1.1` "
                   "or `h2c`, which is HTTP/2 for clients that know beforehand."},
                  &leave_for_later},
    Key<Listener>{{"redirect", "`https`", "none",
                   "Answer every request with 308 to https, except below `/.well-known/acme-challenge/`."},
                  &read_redirect},
    Key<Listener>{{"half_closed", "`finish` or `cancel`", "finish",
                   "What the end of a client's bytes (FIN) means for a request that is being answered: "
                   "`finish` it, since some clients close their half and read on, or `cancel` it, as for a "
                   "client that is gone. HTTP/1 only."},
                  &set<&Listener::half_closed, choice<HalfClosed, kHalfClosed>>},
    Key<Listener>{{"sni_mismatch", "`refuse` or `allow`", "refuse",
                   "Over HTTP/1.1: a Host that another certificate covers than the one that the client was "
                   "shown is answered 421, or served all the same."},
                  &set<&Listener::sni_mismatch, choice<SniMismatch, kMismatches>>},
    Key<Listener>{{"timeouts", "map", "as at the top", "Time limits for the clients of this listener."},
                  &nest<&Listener::timeouts, kListenerTimeouts>},
    Key<Listener>{{"max", "map", "as at the top", "What the clients of this listener may send."},
                  &nest<&Listener::max, kListenerMaxSchema>}};

constexpr std::array kMaxKeys{
    Key<ListenerMax>{{"head", "size", "as at the top", "As `max.head`."},
                     &set<&ListenerMax::head, size<kKiB, kMiB>>},
    Key<ListenerMax>{{"fields", "whole number", "as at the top", "As `max.fields`."},
                     &set<&ListenerMax::fields, whole<10, 1000>>},
    Key<ListenerMax>{{"body", "size", "as at the top", "As `max.body`."},
                     &set<&ListenerMax::body, size<0, kPiB>>}};

constexpr std::string_view kOfAllListeners =
    "this bound holds for all listeners together; it belongs to \"max\" at the top";
constexpr std::array kNotOnListeners{Misplaced{"connections", kOfAllListeners},
                                     Misplaced{"connections_per_ip", kOfAllListeners},
                                     Misplaced{"connections_per_ip_v6_prefix", kOfAllListeners},
                                     Misplaced{"handshakes_per_ip", kOfAllListeners},
                                     Misplaced{"limit_keys", kOfAllListeners},
                                     Misplaced{"http2_windows", kOfAllListeners}};

constexpr std::array<std::string_view, 1> kLaterListenerKeys{"proxy_protocol"};

constexpr std::array kTlsKeys{
    Key<Tls>{{"certificates", "list of maps", kRequired,
              "Certificates, chosen by the name a client asks for; an exact name goes before a wildcard."},
             &read_certificates}};

constexpr std::array kCertificateKeys{
    Key<Certificate>{{"cert", "path", kRequired, "PEM file with the certificate and its chain, leaf first."},
                     &locate<&Certificate::cert, file_path>},
    Key<Certificate>{{"key", "path", kRequired, "PEM file with the private key."},
                     &locate<&Certificate::key, file_path>}};

// Every listener with port 0 gets a port of its own.
bool may_repeat(const std::string& address) { return address.empty() || address.ends_with(":0"); }

}  // namespace

constinit const Schema<Listener> kListenerSchema{
    {"listeners.NAME", "An address alone, or a map.", kLaterListenerKeys}, kListenerKeys};
constinit const Schema<ListenerMax> kListenerMaxSchema{
    {"listeners.NAME.max", "", {}, kNotOnListeners, "body"}, kMaxKeys};
constinit const Schema<Tls> kTlsSchema{{"tls", ""}, kTlsKeys};
constinit const Schema<Certificate> kCertificateSchema{
    {"tls.certificates[N]", "Relative paths start from the directory of this file."}, kCertificateKeys};

std::string read_name(const Cursor& at, std::string_view noun) {
  if (!is_name(at.key())) {
    at.error_at_key(fmt::format("{} is no name for a {}: 1 to 63 letters, digits, \".\", \"_\" or \"-\"",
                                quoted(at.key()), noun));
  }
  return std::string(at.key());
}

void read_listeners(const Cursor& at, Document& out) {
  if (at.node().kind == Kind::scalar) {
    at.error(
        fmt::format("expected a map of listeners, got {0}; write {{ http: {0} }}", quoted(at.node().text)));
    return;
  }
  if (!at.expect(Kind::map, "a map of listeners")) return;
  if (at.children().empty()) at.error("at least one listener is needed");
  std::unordered_map<std::string, Position> seen;
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    if (refuse_top_key(item, "address")) continue;
    Listener& listener = out.listeners.emplace_back();
    listener.name = read_name(item, "listener");
    listener.at = item.key_at();
    read_listener(item, listener);
    if (may_repeat(listener.address.value)) continue;
    const auto [first, fresh] = seen.emplace(listener.address.value, listener.address.at);
    if (fresh) continue;
    at.context().out.add(listener.address.at, item.path(),
                         fmt::format("{} is already the address of the listener at {}",
                                     quoted(listener.address.value), at.context().where(first->second)));
  }
}

void read_tls(const Cursor& at, Document& out) {
  Tls& tls = out.tls.emplace();
  tls.at = at.key_at();
  const auto direct = at.find("cert") ? at.find("cert") : at.find("key");
  if (direct) {
    direct->error_at_key(
        fmt::format("{} belongs to an item of a list; write \"certificates: [{{ cert: FILE, key: FILE "
                    "}}]\"",
                    quoted(direct->key())));
    at.context().out.doubt(at.path());
    return;
  }
  read_map(at, kTlsSchema, tls);
}

}  // namespace sluice::config
