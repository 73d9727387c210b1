// The map `limits`: the limits, and among them where buckets are counted together with other nodes.
#include "config/address.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/synonyms.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::array<std::string_view, 3> kOutageWords{"local", "open", "closed"};
constexpr Choices kOutages{kOutageWords, {}};
constexpr std::string_view kClear = "redis://";
constexpr std::string_view kSecure = "rediss://";
constexpr std::string_view kForm = "write redis://:PASSWORD@HOST:6379/0";
constexpr std::size_t kMostDatabaseDigits = 5;

// What is wrong with the place, "host:port" with or without the port; empty: nothing. With more colons it may
// be a password.
std::string wrong_host(std::string_view place) {
  if (place.empty()) return "the URL of the store names no host";
  if (!place.starts_with('[') && std::count(place.begin(), place.end(), ':') > 1)
    return fmt::format("the URL of the store has too many colons; {}, and IPv6 addresses in brackets", kForm);
  const std::size_t bracket = place.rfind(']');
  const std::size_t colon = place.rfind(':');
  const bool with_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string whole = std::string(place) + (with_port ? "" : ":6379");
  return parse_address(whole, Role::server).error;
}

bool good_escapes(std::string_view text) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    const auto hex = [&](std::size_t i) {
      return i < text.size() && (is_digit(text[i]) || (to_lower(text[i]) >= 'a' && to_lower(text[i]) <= 'f'));
    };
    if (!hex(at + 1) || !hex(at + 2)) return false;
  }
  return true;
}

// Messages leave out what may be part of a password.
Parsed<std::string> parse_store_url(std::string_view text) {
  const bool secure = text.starts_with(kSecure);
  if (!secure && !text.starts_with(kClear)) {
    const std::size_t end = text.find("://");
    const std::string scheme =
        end == std::string_view::npos ? std::string() : quoted(text.substr(0, end)) + " is none of them; ";
    return failed<std::string>(
        fmt::format("the URL of the store begins with redis:// or, for TLS, rediss://; {}{}", scheme, kForm));
  }
  std::string_view rest = text.substr(secure ? kSecure.size() : kClear.size());
  if (rest.find_first_of("?#") != std::string_view::npos)
    return failed<std::string>(
        "the URL of the store has no query and no fragment; in a password write %3F and %23");
  const std::size_t slash = rest.rfind('/');
  const std::size_t sign = rest.rfind('@');
  std::string_view database;
  if (slash != std::string_view::npos && (sign == std::string_view::npos || slash > sign)) {
    database = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
  }
  if (!database.empty() && (!all_digits(database) || database.size() > kMostDatabaseDigits))
    return failed<std::string>("what follows the last / is not the number of a database; leave it out for 0");
  if (sign != std::string_view::npos) {
    const std::string_view user = rest.substr(0, sign);
    if (user.find_first_of("@/ ") != std::string_view::npos || !good_escapes(user))
      return failed<std::string>(
          "the user or the password must be percent-encoded; write %40 for @ and %2F for /");
    rest = rest.substr(sign + 1);
  }
  std::string wrong = wrong_host(rest);
  if (!wrong.empty()) return failed<std::string>(std::move(wrong));
  return {std::string(text), {}};
}

void read_store_ca(const Cursor& at, LimitStore& out) {
  if (auto path = file_path(at)) out.ca = {std::move(*path), at.at()};
}

constexpr std::array kStoreKeys{
    Key<LimitStore>{{"store", "URL", "none",
                     "`redis://HOST:6379`, or `rediss://` for TLS, with user, password and the number of a "
                     "database as usual: rates are then counted together with the other nodes."},
                    &locate<&LimitStore::url, parsed<parse_store_url>>},
    Key<LimitStore>{{"on_outage", "`local`, `open` or `closed`", "local",
                     "While the store cannot be reached: each node counts for itself, nothing is refused, or "
                     "everything is that it would count."},
                    &set<&LimitStore::on_outage, choice<OnOutage, kOutages>>},
    Key<LimitStore>{{"store_ca", "path", "the system's", "PEM file with whom to trust, for `rediss://`."},
                    &read_store_ca}};

// One that is misspelt: no limit is a word alone.
bool refuse_store_key(const Cursor& at) {
  if (at.node().kind != Kind::scalar) return false;
  std::vector<std::string_view> known;
  for (const Key<LimitStore>& key : kStoreKeys)
    known.push_back(key.text.name);
  const std::string_view meant = meant_key(at.key(), known);
  if (meant.empty()) return false;
  at.error_at_key(fmt::format("unknown key {}; did you mean {}?", quoted(at.key()), quoted(meant)));
  return true;
}

void settle_store(const Cursor& at, LimitStore& store, Document& out) {
  const auto url = at.find("store");
  if (!url) {
    for (const std::string_view word : {"on_outage", "store_ca"}) {
      const auto written = at.find(word);
      if (written && !at.doubtful("store"))
        written->error_at_key(
            fmt::format("{} needs \"store\"; leave it out, or write store: redis://HOST:6379", quoted(word)));
    }
    return;
  }
  if (store.ca && store.url.value.starts_with(kClear))
    at.find("store_ca")->error_at_key("\"store_ca\" is for TLS; write rediss:// in \"store\"");
  out.limit_store = std::move(store);
}

}  // namespace

constinit const Schema<LimitStore> kLimitStoreSchema{
    {"limits", "Limits by name, and beside them these keys, which no limit can be called."}, kStoreKeys};

void read_limits(const Cursor& at, Document& out) {
  if (!at.expect(Kind::map, "a map of limits")) return;
  LimitStore store;
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    const auto key = std::find_if(kStoreKeys.begin(), kStoreKeys.end(), [&](const Key<LimitStore>& known) {
      return known.text.name == item.key();
    });
    if (key == kStoreKeys.end()) {
      if (!refuse_top_key(item, "key") && !refuse_store_key(item))
        read_limit(item, out.limits.emplace_back());
    } else if (item.node().kind == Kind::map) {
      item.error_at_key(
          fmt::format("{} is a key of its own here; call the limit something else", quoted(item.key())));
    } else {
      key->read(item, store);
    }
  }
  settle_store(at, store, out);
}

}  // namespace sluice::config
