#include "plan/limit_checks.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/tls/client_context.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

using config::KeyPart;
using http::FieldId;

class Limits {
 public:
  Limits(const config::Document& document, config::Diagnostics& diagnostics)
      : doc_(document), diagnostics_(diagnostics) {}

  void check() {
    for (const config::Limit& limit : doc_.limits) {
      const std::string path = "limits." + limit.name;
      if (diagnostics_.doubtful_within(path)) continue;
      for (const KeyPart& part : limit.key)
        check_part(part, path + ".key");
      check_match(limit.match, path + ".match");
      by_name_.emplace(limit.name, &limit);
    }
    for (std::size_t i = 0; i < doc_.routes.size(); ++i)
      check_route(doc_.routes[i], fmt::format("routes[{}]", i));
    if (doc_.tenants) check_tenants(*doc_.tenants);
    if (doc_.limit_store) check_store_ca(*doc_.limit_store);
    if (diagnostics_.doubtful_within("routes") || diagnostics_.doubtful_within("tenants")) return;
    for (const config::Limit& limit : doc_.limits) {
      if (used_.contains(limit.name) || !by_name_.contains(limit.name)) continue;
      warn(limit.at, "limits." + limit.name,
           "no tenant and no route has this limit; name it in \"limits\" of tenants.defaults, a tenant or a "
           "route");
    }
    if (doc_.limit_store) check_store_use(*doc_.limit_store);
  }

 private:
  void warn(config::Position at, const std::string& path, std::string_view message) {
    diagnostics_.warn(at, path, message);
  }

  // As it is read when the store is connected to.
  void check_store_ca(const config::LimitStore& store) {
    if (!store.ca || diagnostics_.doubtful("limits.store_ca")) return;
    std::string why;
    if (tls::ClientContext::make({true, store.ca->value, false}, why) == nullptr)
      diagnostics_.add(store.ca->at, "limits.store_ca", why);
  }

  void check_store_use(const config::LimitStore& store) {
    const auto counted = [&](const config::Limit& limit) {
      return limit.kind == config::LimitKind::rate && used_.contains(limit.name);
    };
    if (diagnostics_.doubtful_within("limits") ||
        std::any_of(doc_.limits.begin(), doc_.limits.end(), counted))
      return;
    warn(store.url.at, "limits.store",
         "no limit with a \"rate\" is in use, and only those are counted in the store; leave it out");
  }

  void check_tenants(const config::Tenants& tenants) {
    note(tenants.defaults.limits);
    for (const config::Tenant& tenant : tenants.items) {
      if (tenant.limits) note(*tenant.limits);
      for (std::size_t i = 0; i < tenant.routes.size(); ++i)
        check_route(tenant.routes[i], fmt::format("tenants.items.{}.routes[{}]", tenant.name, i));
    }
  }

  void note(const std::vector<config::LimitUse>& uses) {
    for (const config::LimitUse& use : uses)
      used_.insert(use.name.value);
  }

  void check_route(const config::Route& route, const std::string& path) {
    note(route.limits);
    for (std::size_t i = 0; i < route.limits.size(); ++i) {
      const config::LimitUse& use = route.limits[i];
      const auto found = by_name_.find(use.name.value);
      if (found == by_name_.end()) continue;
      const config::LimitMatch& match = found->second->match;
      const bool methods = never_meet(route.methods, match.methods);
      if (!methods && !never_meet(route.path, match.path)) continue;
      warn(use.name.at, fmt::format("{}.limits[{}]", path, i),
           fmt::format("limit \"{}\" matches none of the route's {}, and counts nothing here", use.name.value,
                       methods ? "methods" : "paths"));
    }
  }

  // Whether both name a path, and neither is or lies below the other.
  static bool never_meet(const std::optional<config::Located<std::string>>& a,
                         const std::optional<config::Located<std::string>>& b) {
    const auto covers = [](const std::string& one, const std::string& other) {
      return one.ends_with('/') ? other.starts_with(one) : one == other;
    };
    return a && b && !covers(a->value, b->value) && !covers(b->value, a->value);
  }

  // Whether both name methods, and none in common.
  static bool never_meet(const std::vector<config::Located<std::string>>& a,
                         const std::vector<config::Located<std::string>>& b) {
    const auto in_b = [&](const auto& method) { return std::find(b.begin(), b.end(), method) != b.end(); };
    return !a.empty() && !b.empty() && std::none_of(a.begin(), a.end(), in_b);
  }

  void check_part(const KeyPart& part, const std::string& path) {
    if (part.of == KeyPart::Of::tenant && !doc_.tenants && !diagnostics_.doubtful("tenants")) {
      warn(part.at, path,
           "there are no tenants, so this part is the same for everybody; write client_ip or host");
    }
    if (part.of == KeyPart::Of::header) check_header(part, path);
  }

  // That no request can be as it says.
  void check_match(const config::LimitMatch& match, const std::string& path) {
    for (const config::FieldIs& field : match.headers) {
      if (!never_comes(field.name.value)) continue;
      warn(field.name.at, path + ".headers",
           fmt::format("\"{}\" is not there when requests are counted, so none would be; leave it out",
                       field.name.value));
    }
    const auto refused = [](const auto& method) {
      return method.value == "CONNECT" || method.value == "TRACE";
    };
    if (!match.methods.empty() && std::all_of(match.methods.begin(), match.methods.end(), refused)) {
      warn(match.methods[0].at, path + ".methods",
           "CONNECT and TRACE are answered 405 and never counted; name other methods");
    }
  }

  // Whether no policy ever sees such a field of a request.
  bool never_comes(const std::string& name) const {
    if (is_sent(name)) return true;
    switch (http::field_id(name)) {
      case FieldId::proxy:
      case FieldId::look_alike:
      case FieldId::connection:
      case FieldId::keep_alive:
      case FieldId::proxy_connection:
      case FieldId::http2_settings: return true;
      case FieldId::claim: return !passed(name) && !believed();
      case FieldId::x_forwarded:
      case FieldId::x_forwarded_proto:
      case FieldId::x_forwarded_for:
      case FieldId::x_forwarded_host: return !believed();
      default: return false;
    }
  }

  // Whether it tells servers the tenant.
  bool is_sent(const std::string& name) const {
    const auto& tenants = doc_.tenants;
    return tenants && tenants->defaults.send_header && lower(tenants->defaults.send_header->value) == name;
  }

  void check_header(const KeyPart& part, const std::string& path) {
    if (is_sent(part.name)) {
      return warn(
          part.at, path,
          fmt::format("\"{}\" is what Sluice tells servers, and dropped from what clients send; write tenant",
                      part.name));
    }
    const std::string_view wrong = fault_of(part.name);
    if (!wrong.empty()) warn(part.at, path, fmt::format("\"{}\" {}", part.name, wrong));
  }

  // Why a field is no good in a key; empty: nothing is known against it.
  std::string_view fault_of(const std::string& name) const {
    const FieldId id = http::field_id(name);
    switch (id) {
      case FieldId::host: return "has a word of its own; write host";
      case FieldId::proxy:
      case FieldId::look_alike: return "is dropped from what clients send; leave it out";
      case FieldId::connection:
      case FieldId::content_length:
      case FieldId::http2_settings:
      case FieldId::keep_alive:
      case FieldId::proxy_connection:
      case FieldId::te:
      case FieldId::trailer:
      case FieldId::transfer_encoding:
      case FieldId::upgrade: return "concerns one connection or one message, not who asks; write client_ip";
      case FieldId::x_request_id: return "is another one for each request; write client_ip or tenant";
      case FieldId::x_forwarded_host:
        return believed()
                   ? ""
                   : "is dropped from what clients send, since there are no trusted_proxies; write host";
      case FieldId::claim: return passed(name) || believed() ? "" : kClaimed;
      case FieldId::x_forwarded:
      case FieldId::x_forwarded_proto: return believed() ? "" : kClaimed;
      case FieldId::x_forwarded_for:
        return believed() ? "is a list that grows on its way; write client_ip" : kClaimed;
      default: return "";
    }
  }

  static constexpr std::string_view kClaimed =
      "is dropped from what clients send, since there are no trusted_proxies; write client_ip";
  bool believed() const { return !doc_.trusted_proxies.empty() || diagnostics_.doubtful("trusted_proxies"); }
  bool passed(const std::string& name) const {
    const auto& names = doc_.pass_headers;
    return std::any_of(names.begin(), names.end(), [&](const auto& one) { return lower(one.value) == name; });
  }

  const config::Document& doc_;
  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string_view, const config::Limit*> by_name_;  // that could be read
  std::unordered_set<std::string_view> used_;
};

}  // namespace

void check_limits(const config::Document& document, config::Diagnostics& diagnostics) {
  Limits(document, diagnostics).check();
}

}  // namespace sluice::plan
