// docs/configuration.md from the schemas.
#include "config/schemas.hpp"

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::string_view kPreface = R"(# Configuration

<!-- Generated from the schema in src/config by reference_markdown(); change it there. -->

Sluice reads one YAML file, `/etc/sluice/sluice.yaml` unless `--config` says otherwise, and the tenant files that
it includes. `sluice check` reads it the same way and changes nothing. All errors are reported at once, each as
`file:line:col: path.to.key: what is wrong; what to do about it`. What concerns a file as a whole has no line, and what is
wrong with the YAML itself no key.

```yaml
version: 1
listeners: { http: ":8080" }
pools:
  app: { servers: ["127.0.0.1:3001", "127.0.0.1:3002"] }
routes:
  - { pool: app }
```

## Values

| type | how it is written |
|---|---|
| duration | a number and `ms`, `s`, `m` or `h`, without a space: `250ms`, `1.5s` |
| size | a number and `B`, `KiB`, `MiB` or `GiB`: `16KiB`; 0 needs no unit |
| percentage | a plain number from 0 to 100, fractions allowed: `12.5` |
| rate | a whole number and `/s`, `/m` or `/h`: `500/m` |
| whole number | decimal digits, without quotes, or a `"${NAME}"` that holds them |
| boolean | `true` or `false`, without quotes, or a `"${NAME}"` that holds one |
| address | `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/app.sock`; where it is said, `:8080` or `name:8080` too |
| host | `www.example.com`, `*.example.com` for everything below; other alphabets as written or as `xn--…` |
| path, of a file | relative paths start from the directory of the YAML file |

- `${NAME}` in any value is replaced by that environment variable; a variable that is not set is an error. `$${`
  stands for `${` itself.
- Values that begin with `{`, `[`, `*`, `&`, `!`, `%` or `@` need quotes, as always in YAML.
- Unknown keys, duplicate keys, merge keys (`<<`), YAML tags and several documents in a file are errors. Anchors and
  aliases work, for up to 100,000 values altogether.
- A file may be 64 MiB large and 32 levels deep; one `{…}` or `[…]` may be 4 MiB long.
)";

// A pipe would end the table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

// Defaults that stand for themselves are set as code, explanations as prose.
std::string default_cell(std::string_view fallback) {
  if (fallback == kRequired) return "**required**";
  const bool list = fallback.starts_with('[') && fallback.ends_with(']');
  const bool prose = fallback == "none" || (!list && fallback.find(' ') != std::string_view::npos);
  return prose ? std::string(fallback) : fmt::format("`{}`", fallback);
}

template <class T>
void section(std::string& out, const Schema<T>& schema) {
  out += schema.text.where.empty() ? "\n## Top of the file\n" : fmt::format("\n### {}\n", schema.text.where);
  if (!schema.text.intro.empty()) out += fmt::format("\n{}\n", schema.text.intro);
  out += "\n| key | type | default | meaning |\n|---|---|---|---|\n";
  for (const Key<T>& key : schema.keys) {
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.text.name, cell(key.text.type),
                       default_cell(key.text.fallback), cell(key.text.meaning));
  }
  if (schema.text.later.empty()) return;
  out += fmt::format("\nReserved for later versions: `{}`.\n", fmt::join(schema.text.later, "`, `"));
}

}  // namespace

std::string reference_markdown() {
  std::string out(kPreface);
  section(out, kDocumentSchema);
  section(out, kListenerSchema);
  section(out, kListenerTimeouts);
  section(out, kListenerMaxSchema);
  section(out, kTlsSchema);
  section(out, kCertificateSchema);
  section(out, kPoolSchema);
  section(out, kServerSchema);
  section(out, kPoolTlsSchema);
  section(out, kPoolTimeouts);
  section(out, kBalanceSchema);
  section(out, kStickySchema);
  section(out, kQueueSchema);
  section(out, kHealthSchema);
  section(out, kExpectSchema);
  section(out, kOutlierSchema);
  section(out, kPanicSchema);
  section(out, kRetrySchema);
  section(out, kRouteSchema);
  section(out, kRouteTimeouts);
  section(out, kLimitUseSchema);
  section(out, kRouteMaxSchema);
  section(out, kTenantsSchema);
  section(out, kTenantDefaultsSchema);
  section(out, kTenantSchema);
  section(out, kTenantTimeouts);
  section(out, kDefaultsMaxSchema);
  section(out, kTenantMaxSchema);
  section(out, kLimitStoreSchema);
  section(out, kLimitSchema);
  section(out, kLimitMatchSchema);
  section(out, kLimitExemptSchema);
  section(out, kLimitBanSchema);
  section(out, kProcessTimeouts);
  section(out, kMaxSchema);
  section(out, kHttp2Schema);
  section(out, kResolverSchema);
  section(out, kLogSchema);
  section(out, kLogFormatSchema);
  section(out, kAdminSchema);
  return out;
}

}  // namespace sluice::config
