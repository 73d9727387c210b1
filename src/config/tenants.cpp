#include "config/file.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// A tenant's routes are for all of its hosts.
void read_tenant_routes(const Cursor& at, Tenant& out) {
  read_routes(at, out.routes);
  if (at.node().kind != Kind::list) return;
  for (std::size_t i = 0; i < at.children().size(); ++i) {
    const Cursor route = at.item(i);
    if (const auto hosts = route.find("hosts"))
      hosts->error_at_key(
          "\"hosts\" belongs to the tenant, and its routes are for all of them; leave it out here");
  }
}

// `acme:` with nothing below is a tenant that lives by the defaults.
void read_tenant(const Cursor& at, Tenant& out) {
  out.name = at.key();
  out.at = at.key_at();
  if (!is_tenant_name(at.key())) {
    at.error_at_key(
        fmt::format("{} is no name for a tenant: 1 to 63 of a-z, 0-9 and \"-\"", quoted(at.key())));
  }
  if (at.node().kind != Kind::null) read_map(at, kTenantSchema, out);
}

void read_items(const Cursor& at, Tenants& out) {
  if (!at.expect(Kind::map, "a map of tenants")) return;
  out.items.reserve(at.children().size());
  for (const Entry& entry : at.children())
    read_tenant(at.value(entry), out.items.emplace_back());
}

using Places = std::unordered_map<std::string, Position>;

// What only the main file has: `items:` or `tenants:` around the tenants, and `version: 1`.
bool refuse_wrapper(const Cursor& at) {
  const std::string_view key = at.key();
  const auto of_tenant = [](const Entry& entry) {
    const std::string_view word = entry.key->text;
    return word == "hosts" || word == "pool" || word == "routes";
  };
  const auto& below = at.children();
  const bool wraps = (key == "items" || key == "tenants") && at.node().kind == Kind::map &&
                     std::none_of(below.begin(), below.end(), of_tenant);
  const bool version = key == "version" && at.node().kind == Kind::scalar;
  if (wraps || version)
    at.error_at_key(fmt::format("this file is the map of tenants itself; remove \"{}:\"", key));
  return wraps || version;
}

void read_included_map(const Cursor& at, Tenants& out, Places& places) {
  if (!at.expect(Kind::map, "a map of tenants")) return;
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    if (refuse_wrapper(item)) continue;
    const auto [first, fresh] = places.emplace(item.key(), item.key_at());
    if (fresh) {
      read_tenant(item, out.items.emplace_back());
    } else {
      item.error_at_key(fmt::format("tenant {} is already defined at {}", quoted(item.key()),
                                    at.context().where(first->second)));
    }
  }
}

void read_included_file(const std::string& name, Context& context, Tenants& out, Places& places) {
  const FileText file = read_file(name, FileKind::regular);
  if (!file.error.empty()) {
    context.out.add(out.include->at, "tenants.include", fmt::format("{} {}", name, file.error));
  } else if (file.id == context.main) {
    context.out.add(out.include->at, "tenants.include",
                    fmt::format("{} is the main file; the pattern must not match it", name));
  } else {
    const auto index = static_cast<std::uint32_t>(context.files.size());
    context.files.push_back(name);
    const Tree tree = Tree::parse(file.text, index, context.out);
    if (tree.root() != nullptr)
      read_included_map(Cursor(context, *tree.root(), "tenants.items"), out, places);
  }
}

void read_included(const Cursor& at, Tenants& out) {
  const Located<std::string>& pattern = *out.include;
  const Matches matches = find_files(at.context().base, pattern.value);
  if (!matches.error.empty()) {
    at.context().out.add(pattern.at, at.path() + ".include", quoted(pattern.value) + ' ' + matches.error);
  }
  if (matches.names.empty() && matches.error.empty()) {
    at.context().out.warn(pattern.at, at.path() + ".include",
                          fmt::format("no file matches {}", absolute_join(at.context().base, pattern.value)));
  }
  Places places;
  places.reserve(out.items.size() + matches.names.size());
  for (const Tenant& tenant : out.items)
    places.emplace(tenant.name, tenant.at);
  for (const std::string& name : matches.names)
    read_included_file(name, at.context(), out, places);
}

void read_tenant_limits(const Cursor& at, Tenant& out) { out.limits = read_limit_uses(at); }
void read_tenant_max(const Cursor& at, Tenant& out) { read_map(at, kTenantMaxSchema, out); }
void read_defaults_limits(const Cursor& at, TenantDefaults& out) { out.limits = read_limit_uses(at); }
void read_defaults_max(const Cursor& at, TenantDefaults& out) { read_map(at, kDefaultsMaxSchema, out); }

constexpr std::array kTenantKeys{
    Key<Tenant>{
        {"hosts", "list of hosts", "none", "Further hosts of this tenant, besides the one of `from_host`."},
        &locate_list<&Tenant::hosts, parsed<parse_host_pattern>>},
    Key<Tenant>{{"pool", "name", "that of `defaults`", "The pool that answers."},
                &locate<&Tenant::pool, text>},
    Key<Tenant>{{"routes", "list", "none", "Routes of this tenant; they come before those at the top."},
                &read_tenant_routes},
    Key<Tenant>{{"limits", "list", "those of `defaults`",
                 "Its limits, in place of those of `defaults`; `[]` for none."},
                &read_tenant_limits},
    Key<Tenant>{{"max", "map", "as in `defaults`", "What a request to this tenant may send."},
                &read_tenant_max},
    Key<Tenant>{{"timeouts", "map", "as in `defaults`", "Time limits for the requests of this tenant."},
                &nest<&Tenant::timeouts, kTenantTimeouts>}};

constexpr std::array kDefaultsKeys{
    Key<TenantDefaults>{{"pool", "name", "none", "The pool of tenants that name none."},
                        &locate<&TenantDefaults::pool, text>},
    Key<TenantDefaults>{
        {"send_header", "field name", "none",
         "Request field that tells the server the tenant; what a client sends in it is dropped."},
        &locate<&TenantDefaults::send_header, parsed<parse_request_field>>},
    Key<TenantDefaults>{{"limits", "list", "none", "Limits of tenants that have no `limits`."},
                        &read_defaults_limits},
    Key<TenantDefaults>{{"max", "map", "as on the listener", "What a request to a tenant may send."},
                        &read_defaults_max},
    Key<TenantDefaults>{{"timeouts", "map", "as on the pool", "Time limits for the requests of tenants."},
                        &nest<&TenantDefaults::timeouts, kTenantTimeouts>}};

constexpr std::array kTenantsKeys{
    Key<Tenants>{{"from_host", "pattern", "none",
                  "`\"{tenant}.example.com\"`: the first label of the host is the tenant, 1 to 63 of a-z, "
                  "0-9 and `-`."},
                 &locate<&Tenants::from_host, parsed<parse_tenant_pattern>>},
    Key<Tenants>{{"unknown", "whole number", "404", "Status for hosts that match nothing, 400 to 599."},
                 &set<&Tenants::unknown, whole<400, 599>>},
    Key<Tenants>{{"defaults", "map", "none", "What holds for every tenant that says nothing else."},
                 &nest<&Tenants::defaults, kTenantDefaultsSchema>},
    Key<Tenants>{{"items", "map", "none", "The tenants, by name; a name alone lives by the defaults."},
                 &read_items},
    Key<Tenants>{
        {"include", "path pattern", "none",
         "Files with more tenants, such as `\"tenants.d/*.yaml\"`, from this file's directory; each is a map "
         "like `items`, and they are read in the order of their names."},
        &locate<&Tenants::include, text>}};

constexpr std::array<std::string_view, 3> kLaterTenantKeys{"access", "cors", "security_headers"};

}  // namespace

constinit const Schema<Tenants> kTenantsSchema{{"tenants", ""}, kTenantsKeys};
constinit const Schema<TenantDefaults> kTenantDefaultsSchema{
    {"tenants.defaults", "", kLaterTenantKeys, {}, "pool"}, kDefaultsKeys};
constinit const Schema<Tenant> kTenantSchema{{"tenants.items.NAME", "", kLaterTenantKeys, {}, "pool"},
                                             kTenantKeys};

void read_tenants(const Cursor& at, Document& out) {
  Tenants& tenants = out.tenants.emplace();
  tenants.at = at.key_at();
  read_map(at, kTenantsSchema, tenants);
  if (tenants.include) read_included(at, tenants);
}

}  // namespace sluice::config
