#include "policy/limits/limits.hpp"

#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"

#include "policy/limits/counted.hpp"
#include "policy/limits/passage.hpp"

#include <algorithm>
#include <limits>
#include <new>

namespace sluice::policy {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr std::uint8_t kGrpcResourceExhausted = 8;
// What arithmetic may lose of a token that is there.
constexpr double kRounding = 1e-6;

void ask_rate(const LimitUse& use, Visit& visit, std::string_view name, Answer& out) {
  const Limit& limit = *use.limit;
  const Nanos now = visit.loop.now();
  const limits::Ledger::Taken taken = limit.shared
                                          ? visit.state.shared.take(out.key, name, limit.terms, use.cost, now)
                                          : visit.state.ledger.take(out.key, limit.terms, use.cost, now);
  out.passed = taken.passed;
  out.inside = false;
  out.unreachable = taken.unreachable;
  out.left = static_cast<std::uint64_t>(taken.left + kRounding);
  if (!taken.passed) out.left = std::min<std::uint64_t>(out.left, use.cost - 1);
  out.wait = taken.wait;
  out.full = taken.full;
}

void ask_concurrency(const Limit& limit, limits::State& state, Answer& out) {
  const limits::Ledger::Entered entered = state.ledger.enter(out.key, limit.concurrency);
  out.passed = out.inside = entered.passed;
  out.unreachable = false;
  out.left = limit.concurrency - std::min(limit.concurrency, entered.inside);
  out.wait = kSecond;  // nobody knows when one of them will be over
  out.full = 0;
}

void ask(const LimitUse& use, Visit& visit, Answer& out) {
  const Limit& limit = *use.limit;
  limits::KeyMaker maker(limit.name);
  out.limit = &limit;
  out.cost = use.cost;
  out.key = key_of(limit, visit.exchange, maker);
  if (limit.kind == config::LimitKind::concurrency) {
    ask_concurrency(limit, visit.state, out);
  } else {
    ask_rate(use, visit, maker.text(), out);
  }
}

// The request is refused: what it took was for nothing.
void give_back(Answer& answer, limits::State& state) {
  const Limit& limit = *answer.limit;
  if (answer.inside) {
    state.ledger.leave(answer.key);
    answer.inside = false;
    ++answer.left;
  } else if (answer.passed) {
    if (limit.shared) {
      state.shared.give_back(answer.key, answer.cost);
    } else {
      state.ledger.give_back(answer.key, limit.terms, answer.cost);
    }
    answer.left = std::min(answer.left + answer.cost, limit.terms.burst);
    answer.full = std::max<Nanos>(answer.full - limit.terms.time_of(answer.cost), 0);
  }
}

void strike(const Limit& limit, const limits::Key& key, Visit& visit) {
  const IpAddress& client = http::client_address(visit.exchange);
  if (client == IpAddress{}) return;                             // a socket of this machine
  if (limit.by_tenant && visit.exchange.tenant.empty()) return;  // no tenant's business, and so nobody's
  const unsigned bits = client.is_v4() ? limit.v4_bits : limit.v6_bits;
  const std::string_view tenant = limit.by_tenant ? visit.exchange.tenant : std::string_view{};
  visit.state.bans.strike(key, *limit.ban, client, bits, tenant, limit.name, visit.loop.now());
}

// Of a limit whose buckets are out of reach: nothing that the client did.
http::Reason reason_for(const Answer& by, Arena& arena) {
  if (by.unreachable) {
    return {503, "proxy_internal_error",
            arena.join({"the store of limit \"", by.limit->name, "\" is out of reach"})};
  }
  return {429, "http_request_denied", arena.join({"limit \"", by.limit->name, "\""}), kGrpcResourceExhausted};
}

// `by`: the first that refused.
void refuse(const Answer& by, const Passage& passage, Visit& visit) {
  http::Exchange& exchange = visit.exchange;
  Nanos wait = 0;
  for (Answer& answer : passage.all()) {
    if (answer.limit->enforced && !answer.passed) {
      wait = std::max(wait, answer.wait);
      if (answer.limit->ban && !answer.unreachable) strike(*answer.limit, answer.key, visit);
    }
    give_back(answer, visit.state);
  }
  http::Reason reason = reason_for(by, exchange.arena);
  constexpr Nanos kLongest = std::numeric_limits<std::uint32_t>::max();
  reason.retry_after =
      static_cast<std::uint32_t>(std::clamp<Nanos>((wait + kSecond - 1) / kSecond, 1, kLongest));
  http::make_reply(exchange, reason);
  http::leave_body(exchange);
  exchange.record.limited = exchange.arena.copy(by.limit->name);
  visit.state.tally.count(limits::Tally::What::rejected, by.limit->name, exchange.tenant,
                          exchange.tenant_listed);
}

// A limit that is only tried out would have refused.
void report(const Limit& limit, Visit& visit) {
  http::Exchange& exchange = visit.exchange;
  visit.state.tally.count(limits::Tally::What::reported, limit.name, exchange.tenant, exchange.tenant_listed);
  if (exchange.record.limited.empty()) exchange.record.limited = exchange.arena.join({"report:", limit.name});
}

// Whatever way the exchange went.
void leave(http::Note& note) {
  const auto& passage = static_cast<const Passage&>(note);
  for (const Answer& answer : passage.all()) {
    if (answer.inside) passage.ledger->leave(answer.key);
  }
}

}  // namespace

// Every limit is asked, also behind one that refuses: the client is told when all of them will let it pass.
Policy::Verdict Limits::admit(Visit& visit) const {
  http::Exchange& exchange = visit.exchange;
  const Answer* refusing = nullptr;
  Passage* const passage = new (exchange.arena.array<Passage>(1)) Passage;
  passage->ledger = &visit.state.ledger;
  passage->answers = exchange.arena.array<Answer>(uses_.size());
  for (const LimitUse& use : uses_) {
    if (!counts(*use.limit, exchange)) continue;
    Answer& answer = passage->answers[passage->size++];
    ask(use, visit, answer);
    if (answer.inside) passage->over = &leave;
    if (answer.passed) continue;
    if (!use.limit->enforced) {
      report(*use.limit, visit);
    } else if (refusing == nullptr) {
      refusing = &answer;
    }
  }
  if (passage->size == 0) return Verdict::pass;
  passage->whose = this;
  exchange.leave(*passage);
  if (refusing == nullptr) return Verdict::pass;
  refuse(*refusing, *passage, visit);
  return Verdict::answered;
}

void Limits::shape(Visit& visit) const {
  const http::Note* const note = visit.exchange.note_of(this);
  if (note != nullptr) tell(visit.exchange, static_cast<const Passage&>(*note));
}

}  // namespace sluice::policy
