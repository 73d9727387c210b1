#include "config/address.hpp"
#include "config/file.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"

#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 1> kProtocolWords{"http/1.1"};
constexpr std::array<std::string_view, 2> kLaterProtocols{"h2", "h2c"};
constexpr Choices kProtocols{kProtocolWords, kLaterProtocols};
constexpr std::array<std::string_view, 1> kRedirectWords{"https"};
constexpr Choices kRedirects{kRedirectWords, {}};

std::optional<std::string> listener_address(const Cursor& at) {
  return read_parsed(at, [](std::string_view word) { return parse_address(word, Role::listener); });
}

void read_redirect(const Cursor& at, Listener& out) {
  if (read_choice(at, kRedirects)) out.redirect_https = true;
}

// There is one protocol to choose today, so choosing it changes nothing.
void read_protocols(const Cursor& at, Listener&) {
  read_list(at, [](const Cursor& item) { read_choice(item, kProtocols); });
  if (at.node().kind == Kind::list && at.children().empty())
    at.error("the list is empty; leave the key out instead");
}

std::optional<std::string> certificate_path(const Cursor& at) {
  const auto name = text(at);
  if (!name) return std::nullopt;
  return absolute_join(at.context().base, *name);
}

void read_certificates(const Cursor& at, Tls& out) {
  read_list(at, [&](const Cursor& item) {
    Certificate& certificate = out.certificates.emplace_back();
    certificate.at = item.at();
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
  if (out.tls && out.redirect_https) {
    at.error_at_key("\"redirect: https\" is for plain listeners; this one has \"tls: true\"");
  }
}

constexpr std::array kListenerKeys{
    Key<Listener>{
        {"address", "address", kRequired,
         "`127.0.0.1:8080`, `[::1]:8080`, `:8080` for every address of the machine, or `unix:/path`; "
         "port 0 lets the system choose."},
        &locate<&Listener::address, listener_address>},
    Key<Listener>{{"tls", "boolean", "false", "Whether clients speak TLS here."},
                  &set<&Listener::tls, boolean>},
    Key<Listener>{{"protocols", "list", "[http/1.1]", "Protocols spoken here; `http/1.1` is the only one."},
                  &read_protocols},
    Key<Listener>{{"redirect", "`https`", "none",
                   "Answer every request with 308 to https, except below `/.well-known/acme-challenge/`."},
                  &read_redirect},
    Key<Listener>{{"timeouts", "map", "as at the top", "Time limits for the clients of this listener."},
                  &nest<&Listener::timeouts, kListenerTimeouts>}};
constexpr std::array<std::string_view, 1> kLaterListenerKeys{"proxy_protocol"};

constexpr std::array kTlsKeys{
    Key<Tls>{{"certificates", "list of maps", kRequired,
              "Certificates, chosen by the name a client asks for; an exact name goes before a wildcard."},
             &read_certificates}};

constexpr std::array kCertificateKeys{
    Key<Certificate>{{"cert", "path", kRequired, "PEM file with the certificate and its chain, leaf first."},
                     &locate<&Certificate::cert, certificate_path>},
    Key<Certificate>{{"key", "path", kRequired, "PEM file with the private key."},
                     &locate<&Certificate::key, certificate_path>}};

// Every listener with port 0 gets a port of its own.
bool may_repeat(const std::string& address) { return address.empty() || address.ends_with(":0"); }

}  // namespace

constinit const Schema<Listener> kListenerSchema{
    {"listeners.NAME", "An address alone, or a map.", kLaterListenerKeys}, kListenerKeys};
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
  if (!at.expect(Kind::map, "a map of listeners")) return;
  if (at.children().empty()) at.error("at least one listener is needed");
  std::unordered_map<std::string, Position> seen;
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
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
  read_map(at, kTlsSchema, tls);
}

}  // namespace sluice::config
