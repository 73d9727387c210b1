// Named limits: how much of something whoever the key means may have.
#include "config/address.hpp"
#include "config/names.hpp"
#include "config/schemas.hpp"
#include "config/units.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::uint64_t kMost = 1'000'000'000;
constexpr std::uint64_t kMostConcurrency = 1'000'000;
constexpr std::uint64_t kMostRefusals = 1'000'000;
constexpr std::size_t kMostKeyParts = 8;
constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kDay = 86'400 * kSecond;
// What is counted in fits in 64 bits of nanoseconds with room to spare.
constexpr std::uint64_t kLongestRefill = 365ULL * 86'400 * 1000;

constexpr std::array<std::string_view, 2> kModeWords{"enforce", "report"};
constexpr Choices kModes{kModeWords, {}};
// In the order of KeyPart::Of.
constexpr std::array<std::string_view, 7> kPartWords{"tenant",      "client_ip",   "host",    "path",
                                                     "header:NAME", "cookie:NAME", "response"};
constexpr Choices kParts{kPartWords, {}};

constexpr std::array<std::string_view, 3> kKindWords{"rate", "concurrency", "bytes"};

std::string_view word_of(LimitKind kind) { return kKindWords[static_cast<std::size_t>(kind)]; }

void read_part(const Cursor& at, Limit& out) {
  const auto word = text(at);
  if (!word) return;
  KeyPart part;
  part.at = at.at();
  if (auto named = read_named(at, *word)) {
    if (named->name.empty()) return;
    part.of = named->cookie ? KeyPart::Of::cookie : KeyPart::Of::header;
    part.name = named->cookie ? std::move(named->name) : lower(named->name);
  } else if (const auto of = choice<KeyPart::Of, kParts>(at)) {
    part.of = *of;
  } else {
    return;
  }
  const bool twice = std::any_of(out.key.begin(), out.key.end(), [&](const KeyPart& other) {
    return other.of == part.of && other.name == part.name;
  });
  if (twice) return at.error(fmt::format("{} stands in the key already; leave it out here", quoted(*word)));
  out.key.push_back(std::move(part));
}

void read_key(const Cursor& at, Limit& out) {
  const Kind kind = at.node().kind;
  if (kind == Kind::scalar && at.node().text.find(',') == std::string::npos) return read_part(at, out);
  if (kind == Kind::map && at.children().size() == 1)
    return read_part(at, out);  // "header: X" for "header:X"
  if (kind == Kind::map)
    return at.error("expected a word or a list of them, got a map; write [tenant, client_ip]");
  if (!at.expect(Kind::list, "a word or a list of them")) return;
  if (at.children().empty())
    at.error("the list is empty; write what it counts by, such as [tenant] or [client_ip]");
  for (std::size_t i = 0; i < at.children().size(); ++i)
    read_part(at.item(i), out);
  if (at.children().size() > kMostKeyParts)
    at.error(fmt::format("{} parts are too many; a key has 1 to {}", at.children().size(), kMostKeyParts));
}

void read_rate(const Cursor& at, Limit& out) {
  out.kind = LimitKind::rate;
  set<&Limit::rate, rate>(at, out);
}

void read_concurrency(const Cursor& at, Limit& out) {
  out.kind = LimitKind::concurrency;
  if (at.node().kind == Kind::scalar && at.node().text == "0")
    return at.error("a concurrency of 0 would let nothing pass; write 1 for one after the other");
  set<&Limit::concurrency, whole<1, kMostConcurrency>>(at, out);
}

std::optional<Rate> byte_rate(const Cursor& at) {
  const auto word = read_text(at, "a rate of bytes");
  if (!word) return std::nullopt;
  const auto value = parse_byte_rate(*word);
  if (value) return value.value;
  at.error(value.error);
  return std::nullopt;
}

void read_bytes(const Cursor& at, Limit& out) {
  out.kind = LimitKind::bytes;
  set<&Limit::rate, byte_rate>(at, out);
}

// Whether it is a number or a size depends on the kind, which may come later: settle_burst() reads it.
void leave_for_later(const Cursor&, Limit&) {}

void read_fields(const Cursor& at, std::vector<FieldIs>& out) {
  if (!at.expect(Kind::map, "a map of fields")) return;
  if (at.children().empty()) at.error("the map is empty; leave the key out instead");
  for (const Entry& entry : at.children()) {
    const Cursor item = at.value(entry);
    if (!is_token(item.key())) {
      item.error_at_key(fmt::format("{} is not a field name", quoted(item.key())));
      continue;
    }
    FieldIs field{{lower(item.key()), item.key_at()}, std::nullopt};
    if (item.node().kind != Kind::null) {
      field.value = text(item);
      if (!field.value) continue;
    }
    out.push_back(std::move(field));
  }
}

void read_match_headers(const Cursor& at, LimitMatch& out) { read_fields(at, out.headers); }

void read_exempt_headers(const Cursor& at, LimitExempt& out) {
  read_fields(at, out.headers);
  for (const Entry& entry : at.children()) {
    if (at.node().kind != Kind::map || entry.value->kind != Kind::null) continue;
    const Cursor item = at.value(entry);
    at.context().out.warn(
        item.key_at(), item.path(),
        fmt::format(
            "any client can send it, and pass uncounted; write a value that only yours know: {}: VALUE",
            item.key()));
  }
}

void read_exempt_blocks(const Cursor& at, LimitExempt& out) {
  locate_blocks(at, out.client_ip, "nobody would be counted; name your own networks, or leave the limit out");
  if (at.node().kind == Kind::list && at.children().empty())
    at.error("the list is empty; leave the key out instead");
}

void read_exempt(const Cursor& at, Limit& out) {
  if (at.node().kind == Kind::list) return at.error("expected a map, got a list; write { client_ip: […] }");
  read_map(at, kLimitExemptSchema, out.exempt);
}

void read_ban(const Cursor& at, Limit& out) {
  LimitBan& ban = out.ban.emplace();
  ban.at = at.key_at();
  ban.window = std::chrono::minutes(1);
  ban.lasts = std::chrono::minutes(15);
  read_map(at, kLimitBanSchema, ban);
}

constexpr std::array kLimitKeys{
    Key<Limit>{{"rate", "rate", "none", "So many requests in so much time, such as `50/s` or `5/m`."},
               &read_rate},
    Key<Limit>{{"concurrency", "whole number", "none", "So many requests under way at a time, 1 to 1000000."},
               &read_concurrency},
    Key<Limit>{
        {"bytes", "size and `/s`, `/m` or `/h`", "none",
         "So many bytes of response bodies in so much time, such as `1MiB/s`, at most `953MiB/s`; they "
         "are paced, and nothing is refused."},
        &read_bytes},
    Key<Limit>{{"burst", "whole number, or size", "one time of the rate",
                "How much may come at once: requests, 1 to 1000000000, or for `bytes` a size. Without it "
                "the number in `rate`, or the bytes of a second."},
               &leave_for_later},
    Key<Limit>{{"key", "word or list of words", kRequired,
                "For whom it counts: `tenant`, `client_ip`, `host`, `path`, `header:NAME`, `cookie:NAME`, "
                "or several of them together; for `bytes` also `response`, each response alone.",
                "a limit needs a key, for whom it counts; write key: tenant, or key: client_ip"},
               &read_key},
    Key<Limit>{{"v4_prefix", "whole number", "32",
                "How many leading bits of an IPv4 address in the key are one client, 1 to 32."},
               &set<&Limit::v4_prefix, whole<1, 32>>},
    Key<Limit>{{"v6_prefix", "whole number", "64", "The same of an IPv6 address, 1 to 128."},
               &set<&Limit::v6_prefix, whole<1, 128>>},
    Key<Limit>{{"cost", "whole number", "1", "What one request takes of a `rate`, 1 to its `burst`."},
               &set<&Limit::cost, whole<1, kMost>>},
    Key<Limit>{{"mode", "`enforce` or `report`", "enforce",
                "`report` refuses nothing, and counts what would have been refused."},
               &set<&Limit::mode, choice<LimitMode, kModes>>},
    Key<Limit>{{"match", "map", "every request", "Which requests it counts."},
               &nest<&Limit::match, kLimitMatchSchema>},
    Key<Limit>{{"exempt", "map", "none", "Which requests pass uncounted."}, &read_exempt},
    Key<Limit>{{"ban", "map", "none", "What becomes of a client that is refused again and again."},
               &read_ban}};

constexpr std::array kMatchKeys{
    Key<LimitMatch>{{"path", "path", "any path", "As a route's."},
                    &locate<&LimitMatch::path, parsed<parse_path>>},
    Key<LimitMatch>{{"methods", "list of methods", "any method", "In capitals, such as `[POST]`."},
                    &locate_some<&LimitMatch::methods, parsed<parse_method>>},
    Key<LimitMatch>{{"headers", "map", "none",
                     "Request fields and their values, all of which must be there; `X-Kind:` with nothing "
                     "behind it for any value."},
                    &read_match_headers}};

constexpr std::array kExemptKeys{
    Key<LimitExempt>{{"client_ip", "list of addresses or blocks", "none", "Such as `[10.0.0.0/8]`."},
                     &read_exempt_blocks},
    Key<LimitExempt>{
        {"headers", "map", "none", "Request fields and their values, as in `match`; one is enough."},
        &read_exempt_headers}};

constexpr std::array kBanKeys{
    Key<LimitBan>{{"after", "whole number", kRequired, "Refusals within `window`, 1 to 1000000.",
                   "a ban needs a number of refusals; write after: 10"},
                  &set<&LimitBan::after, whole<1, kMostRefusals>>},
    Key<LimitBan>{{"window", "duration", "1m", "Time in which they must come, 1s to 24h."},
                  &set<&LimitBan::window, duration<kSecond, kDay>>},
    Key<LimitBan>{{"for", "duration", "15m", "How long it is banned, 1s to 168h."},
                  &set<&LimitBan::lasts, duration<kSecond, 7 * kDay>>}};

constexpr std::string_view kNoDelay =
    "nothing within the burst is delayed, and what is beyond it is refused; leave this out";
constexpr std::array kNotNeeded{Misplaced{"nodelay", kNoDelay}, Misplaced{"delay", kNoDelay}};

bool has_part(const Limit& limit, KeyPart::Of of) {
  return std::any_of(limit.key.begin(), limit.key.end(), [&](const KeyPart& part) { return part.of == of; });
}

// One of the three, and what does not go with it.
bool settle_kind(const Cursor& at, const Limit& out) {
  std::optional<Cursor> first;
  for (const std::string_view word : kKindWords) {
    const auto written = at.find(word);
    if (!written) continue;
    if (first) {
      written->error_at_key(
          fmt::format("a limit has one of rate, concurrency and bytes; {} is at {}; make it two limits",
                      quoted(first->key()), at.context().where(first->key_at())));
      return false;
    }
    first = written;
  }
  const auto meant = [&](std::string_view word) { return at.doubtful(word); };
  if (!first && std::none_of(kKindWords.begin(), kKindWords.end(), meant))
    at.error_at_key("a limit needs one of rate, concurrency and bytes; write rate: 50/s");
  if (!first) return false;
  const auto mode = at.find("mode");
  if (mode && out.kind == LimitKind::bytes && out.mode == LimitMode::report)
    mode->error("bytes are paced and never refused, so there is nothing to report; leave \"mode\" out");
  if (out.kind == LimitKind::rate) return true;
  for (const std::string_view word : {"cost", "ban"}) {
    const auto written = at.find(word);
    if (!written || (word == "ban" && out.kind == LimitKind::concurrency)) continue;
    written->error_at_key(fmt::format("{} goes with \"rate\", and this limit has {}; leave it out",
                                      quoted(word), quoted(word_of(out.kind))));
  }
  return true;
}

void read_burst(const Cursor& at, Limit& out) {
  if (out.kind == LimitKind::concurrency) {
    at.error_at_key(
        "\"burst\" goes with \"rate\" or \"bytes\"; \"concurrency\" is itself the most at a time");
  } else if (at.node().kind == Kind::scalar && at.node().text == "0") {
    at.error(out.kind == LimitKind::rate
                 ? "a burst of 0 would let nothing pass; write 1 for one after the other"
                 : "a burst of 0 would let nothing pass; write a size such as 64KiB, or leave it out");
  } else if (out.kind == LimitKind::rate) {
    set<&Limit::burst, whole<1, kMost>>(at, out);
  } else {
    set<&Limit::burst, size<1, kMost>>(at, out);
  }
}

void settle_burst(const Cursor& at, Limit& out) {
  const auto period = static_cast<std::uint64_t>(out.rate.period.count());
  if (out.kind == LimitKind::rate) out.burst = out.rate.count;
  if (out.kind == LimitKind::bytes && period != 0)
    out.burst = std::max<std::uint64_t>(out.rate.count * kSecond / period, 1);
  const auto burst = at.find("burst");
  if (burst) read_burst(*burst, out);
  if (out.rate.count == 0 || out.burst == 0) return;  // has its error, or has no rate
  if (burst &&
      static_cast<double>(out.burst) * static_cast<double>(period) / static_cast<double>(out.rate.count) >
          static_cast<double>(kLongestRefill))
    burst->error("so much would take more than a year to come back; write a smaller one, or a higher rate");
  if (out.kind != LimitKind::rate || out.cost <= out.burst) return;
  if (const auto cost = at.find("cost")) {
    cost->error(
        fmt::format("a request would cost {}, and never more than {} may come at once; raise \"burst\"",
                    out.cost, out.burst));
  }
}

void check_key(const Cursor& at, const Limit& out) {
  const auto key = at.find("key");
  const auto response = std::find_if(out.key.begin(), out.key.end(),
                                     [](const KeyPart& part) { return part.of == KeyPart::Of::response; });
  if (response != out.key.end()) {
    const char* wrong = nullptr;
    if (out.kind != LimitKind::bytes)
      wrong = "\"response\" goes with \"bytes\" only; write tenant or client_ip";
    if (out.key.size() > 1) wrong = "\"response\" means each response alone; leave the other parts out";
    if (wrong != nullptr) at.context().out.add(response->at, key->path(), wrong);
  }
  if (!key || has_part(out, KeyPart::Of::client_ip) || key->path().empty() || at.doubtful("key")) return;
  for (const std::string_view word : {"v4_prefix", "v6_prefix"}) {
    if (const auto written = at.find(word)) {
      at.context().out.warn(
          written->key_at(), written->path(),
          fmt::format("{} says nothing where \"client_ip\" is not in the key; leave it out, or add client_ip",
                      quoted(word)));
    }
  }
}

void check_ban(const Cursor& at, const Limit& out) {
  const auto ban = at.find("ban");
  if (!ban || out.kind == LimitKind::bytes) return;
  if (at.find("key") && !at.doubtful("key") && !has_part(out, KeyPart::Of::client_ip)) {
    ban->error_at_key(
        "whom to ban is said by \"client_ip\" in the key; write key: [client_ip], or [tenant, client_ip]");
  }
  if (out.mode == LimitMode::report) {
    ban->error_at_key("\"mode: report\" refuses nobody, so nobody would be banned; leave one of them out");
  }
}

}  // namespace

void read_limit(const Cursor& at, Limit& out) {
  out.name = read_name(at, "limit");
  out.at = at.key_at();
  if (out.name == "ban" || out.name == "hold") {
    at.error_at_key(
        fmt::format("{} is what the access log calls a request that a {} refused; call the limit "
                    "something else",
                    quoted(out.name), out.name));
  }
  if (at.node().kind == Kind::scalar && parse_rate(at.node().text)) {
    at.error(fmt::format("expected a map, got {0}; write {{ rate: {1}, key: tenant }}",
                         quoted(at.node().text), at.node().text));
    return;
  }
  read_map(at, kLimitSchema, out);
  if (at.node().kind != Kind::map || !settle_kind(at, out)) return;
  settle_burst(at, out);
  check_key(at, out);
  check_ban(at, out);
}

constinit const Schema<Limit> kLimitSchema{
    {"limits.NAME",
     "A limit by name, for `limits` of tenants and routes. One of `rate`, `concurrency` and `bytes`.",
     {},
     kNotNeeded},
    kLimitKeys};
constinit const Schema<LimitMatch> kLimitMatchSchema{
    {"limits.NAME.match", "All of what is set must hold.", {}, {}, "path"}, kMatchKeys};
constinit const Schema<LimitExempt> kLimitExemptSchema{{"limits.NAME.exempt", "One of them is enough."},
                                                       kExemptKeys};
constinit const Schema<LimitBan> kLimitBanSchema{
    {"limits.NAME.ban",
     "Needs `client_ip` in the key. With `tenant` in it too the ban is from that tenant only, else from all.",
     {},
     {},
     "after"},
    kBanKeys};

}  // namespace sluice::config
