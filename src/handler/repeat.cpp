// Whether a request may be sent once more, and to whom.
#include "sluice/handler/forward.hpp"

#include <algorithm>

namespace sluice::handler {
namespace {

// A server that says it did nothing with the request (a connection that ends, a limit on streams) is asked
// again; so often.
constexpr int kMostRefusals = 3;

bool connection_ended(const Error& error) {
  return error.kind == ErrorKind::closed || error.kind == ErrorKind::reset ||
         error.kind == ErrorKind::abandoned;
}

}  // namespace

// A place at another server, where the rules allow one more try.
bool Forward::try_another(upstream::RetryReason reason) {
  if (expired_ || client_gone_ || exchange_.record.attempts >= rules().retry.attempts) return false;
  return choice_.reserve_other(reason, now());
}

// The same after a failure before a byte of the response, for a request that can be sent again.
void Forward::try_another_after(const Error& error) {
  const upstream::Failures& on = rules().retry.on;
  if (!repeatable()) return;
  if (on.timeout && error.kind == ErrorKind::timed_out && try_another(upstream::RetryReason::timeout))
    rewind();
  if (on.reset && connection_ended(error) && try_another(upstream::RetryReason::reset)) rewind();
}

// After a failure before anything of a response came: whether the same request may be sent once more.
bool Forward::may_repeat(const Error& error, bool reused) {
  if (error.kind == ErrorKind::refused) return body_is_whole() && ++refusals_ < kMostRefusals;
  // The connection had ended before we used it; one that lives and says nothing was given the request.
  return reused && repeatable() && (error.kind == ErrorKind::closed || error.kind == ErrorKind::reset);
}

// Whether the request can be sent once more although it may have been acted upon.
bool Forward::repeatable() const {
  return http::idempotent(exchange_.request.method) && body_is_whole() && body_fits() &&
         exchange_.request.upgrade.empty();
}

// Whether the body, if there is one, can be sent from its first byte.
bool Forward::body_is_whole() const {
  return exchange_.request_body == nullptr || (replay_ && replay_->can_rewind());
}

// Whether it can be kept to its end, as far as is known.
bool Forward::body_fits() const {
  return exchange_.request.framing != http::Framing::length || exchange_.request.length <= rules().retry.body;
}

// Keeps what is sent of the body, where it may have to be sent again: to servers that may refuse streams, and
// where the rules allow to repeat what may have been acted upon.
void Forward::keep_body(const upstream::Endpoint& endpoint) {
  if (exchange_.request_body == nullptr || replay_) return;
  const upstream::RetryRules& retry = rules().retry;
  const bool repeats = retry.attempts > 1 &&
                       (retry.on.reset || retry.on.timeout || !retry.on.statuses.empty()) &&
                       http::idempotent(exchange_.request.method);
  if (!endpoint.wire().h2 && !(repeats && body_fits())) return;
  source_ = exchange_.request_body;
  const std::uint64_t most = retry.body;
  const bool known = exchange_.request.framing == http::Framing::length;
  replay_.emplace(target_.connections.loop(), *source_,
                  static_cast<std::size_t>(known ? std::min(most, exchange_.request.length) : most));
  exchange_.request_body = &*replay_;
}

// Before another attempt.
void Forward::rewind() {
  if (replay_) replay_->rewind();
}

// What passive health is to know of a try: why it failed, or nothing.
void Forward::report(std::string_view why) {
  pool().outliers().report(*rules().outlier, group().members(), choice_.endpoint(), why, now());
}

void Forward::report(const Error& error) {
  if (!rules().outlier || client_gone_ || expired_ || error.side != Side::upstream) return;
  const upstream::Failures& errors = rules().outlier->errors;
  // What is no HTTP at all is no better than no answer.
  const bool none = connection_ended(error) || error.kind == ErrorKind::malformed;
  const bool late = error.kind == ErrorKind::timed_out;
  const bool counts = (errors.timeout && late) || (errors.reset && none);
  if (counts) report(to_string(error.kind));
}

// An answer of the server broke a rule, or its connection did.
void Forward::note_broken(const Error& error) {
  if (error.rule == Rule::none || error.side != Side::upstream) return;
  exchange_.record.rule = error.rule;
  exchange_.record.rule_side = Side::upstream;
  endpoint_->tell_broken(error.rule, now());
}

}  // namespace sluice::handler
