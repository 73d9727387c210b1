// How a server is chosen for a request, and what happens when all are busy.
#include "config/names.hpp"
#include "config/schemas.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kLongestCookie = 9600 * kHour;  // 400 days, to which browsers cut
constexpr std::uint64_t kLongestQueue = 1'000'000;
constexpr std::size_t kShortestSecret = 16;
constexpr std::size_t kLongestSecret = 256;

constexpr std::array<std::string_view, 4> kBalanceWords{"least_connections", "round_robin", "random_two",
                                                        "least_time"};
constexpr Choices kBalances{kBalanceWords, {}};

constexpr std::array<std::string_view, 5> kHashWords{"client_ip", "tenant", "path", "header:NAME",
                                                     "cookie:NAME"};
constexpr Choices kHashes{kHashWords, {}};

void read_hash(const Cursor& at, Balance& out) {
  const auto word = text(at);
  if (!word) return;
  if (auto named = read_named(at, *word)) {
    out.hash = named->cookie ? HashBy::cookie : HashBy::header;
    out.name = std::move(named->name);
  } else if (const auto by = choice<HashBy, kHashes>(at)) {
    out.hash = *by;
  }
}

void read_bound(const Cursor& at, Balance& out) {
  if (at.node().kind == Kind::scalar && at.node().text == "off") {
    out.bound = 0;
  } else if (const auto bound = read_whole(at, 101, 1000)) {
    out.bound = static_cast<std::uint32_t>(*bound);
  }
}

constexpr std::array kBalanceKeys{
    Key<Balance>{{"hash", "`client_ip`, `tenant`, `path`, `header:NAME` or `cookie:NAME`", kRequired,
                  "What decides: requests that are equal in it go to the same server."},
                 &read_hash},
    Key<Balance>{
        {"bound", "whole number or `off`", "125",
         "Percent of the mean load that a server may carry before requests go on to the next one, 101 to "
         "1000; `off` for any load."},
        &read_bound}};

// "hash", and what other proxies call it.
bool means_hash(std::string_view word) {
  return word.find("hash") != std::string_view::npos || word == "source" || word == "maglev";
}

std::optional<Duration> whole_seconds(const Cursor& at) {
  const auto value = duration<kSecond, kLongestCookie>(at);
  if (!value || value->count() % kSecond == 0) return value;
  at.error("a cookie lasts whole seconds");
  return std::nullopt;
}

constexpr std::array<std::string_view, 3> kSameSiteWords{"lax", "strict", "none"};
constexpr Choices kSameSites{kSameSiteWords, {}};
constexpr std::array<std::string_view, 3> kSecureWords{"auto", "true", "false"};
constexpr Choices kSecures{kSecureWords, {}};

std::optional<std::string> secret(const Cursor& at) {
  if (!at.expect(Kind::scalar, "a text")) return std::nullopt;
  const std::string& text = at.node().text;
  if (text.size() >= kShortestSecret && text.size() <= kLongestSecret) return text;
  at.error(fmt::format("a secret has {} to {} characters", kShortestSecret, kLongestSecret));
  return std::nullopt;
}

constexpr std::array kStickyKeys{
    Key<Sticky>{{"cookie", "cookie name", kRequired, "Name of the cookie."},
                &locate<&Sticky::cookie, parsed<parse_cookie_name>>},
    Key<Sticky>{{"ttl", "duration", "none",
                 "How long the cookie lasts, 1s to 9600h; without it until the browser is closed."},
                &set<&Sticky::ttl, whole_seconds>},
    Key<Sticky>{
        {"secret", "text", "none",
         "What the cookie's values are keyed with, 16 to 256 characters; the same on all machines that "
         "serve the same clients. Without it who knows the pool's name can guess addresses of servers "
         "and see whether the guess was right."},
        &set<&Sticky::secret, secret>},
    Key<Sticky>{{"path", "path", "/", "`Path` of the cookie."},
                &set<&Sticky::path, parsed<parse_cookie_path>>},
    Key<Sticky>{{"same_site", "`lax`, `strict` or `none`", "lax", "`SameSite` of the cookie."},
                &set<&Sticky::same_site, choice<SameSite, kSameSites>>},
    Key<Sticky>{{"secure", "`auto` or boolean", "auto",
                 "`Secure` of the cookie; `auto` sets it for clients that speak TLS."},
                &set<&Sticky::secure, choice<SecureCookie, kSecures>>}};

constexpr std::array kQueueKeys{
    Key<Queue>{{"size", "whole number", kRequired, "Requests that may wait, 1 to 1000000; 503 beyond."},
               &set<&Queue::size, whole<1, kLongestQueue>>},
    Key<Queue>{{"timeout", "duration", "5s", "Time a request may wait, 1ms to 1h; 503 when it is over."},
               &set<&Queue::timeout, duration<1, kHour>>}};

}  // namespace

constinit const Schema<Balance> kBalanceSchema{{"pools.NAME.balance",
                                                "A word alone, or a map for `hash`. `least_connections` "
                                                "takes the server with the fewest requests for its "
                                                "weight, `round_robin` one after the other, `random_two` the "
                                                "better of two drawn by lot, `least_time` the one "
                                                "that has answered fastest for its load."},
                                               kBalanceKeys};
constinit const Schema<Sticky> kStickySchema{{"pools.NAME.sticky",
                                              "A cookie that brings a client back to the server that "
                                              "answered first. When that server cannot be used, another "
                                              "one is chosen and the cookie set anew.",
                                              {},
                                              {},
                                              "cookie"},
                                             kStickyKeys};
constinit const Schema<Queue> kQueueSchema{
    {"pools.NAME.queue",
     "Requests wait while every server has its `max_connections`. Without this key: 503.",
     {},
     {},
     "size"},
    kQueueKeys};

void read_balance(const Cursor& at, Pool& out) {
  out.balance.at = at.key_at();
  if (at.node().kind == Kind::map) {
    out.balance.by = Balancing::hash;
    read_map(at, kBalanceSchema, out.balance);
  } else if (at.node().kind == Kind::scalar && means_hash(at.node().text)) {
    at.error(fmt::format("{} needs to know by what; write \"balance: {{ hash: client_ip }}\"",
                         quoted(at.node().text)));
  } else if (at.node().kind != Kind::scalar) {
    at.expect(Kind::scalar, "a word or a map with \"hash\"");
  } else if (const auto by = choice<Balancing, kBalances>(at)) {
    out.balance.by = *by;
  }
}

void read_sticky(const Cursor& at, Pool& out) {
  Sticky& sticky = out.sticky.emplace();
  sticky.at = at.key_at();
  read_map(at, kStickySchema, sticky);
  if (sticky.same_site != SameSite::none || sticky.secure != SecureCookie::never) return;
  at.find("same_site")
      ->error(fmt::format("browsers drop a cookie with \"same_site: none\" and \"secure: false\", as at {}",
                          at.context().where(at.find("secure")->at())));
}

void read_queue(const Cursor& at, Pool& out) {
  Queue& queue = out.queue.emplace();
  queue.at = at.key_at();
  read_map(at, kQueueSchema, queue);
}

void check_queue(const Cursor& pool, const Pool& out) {
  if (!out.queue) return;
  const auto written = pool.find("max_connections");
  if (pool.find("queue")->node().kind != Kind::map) return;
  const bool unreadable = written && written->node().text != "0" && out.max_connections == 0;
  if (unreadable || pool.doubtful("max_connections")) return;
  const auto bound = [&](const Server& server) {
    return server.max_connections.value_or(out.max_connections) != 0;
  };
  const auto unbounded = std::find_if_not(out.servers.begin(), out.servers.end(), bound);
  const Cursor at = *pool.find("queue");
  if (out.max_connections == 0 && std::none_of(out.servers.begin(), out.servers.end(), bound)) {
    at.error_at_key("\"queue\" needs \"max_connections\"; without it every server takes everything at once");
  } else if (unbounded != out.servers.end()) {
    at.error_at_key(fmt::format("nothing would ever wait: the server at {} has no \"max_connections\"",
                                pool.context().where(unbounded->address.at)));
  }
}

}  // namespace sluice::config
