#include "store/conversation.hpp"

#include <utility>

namespace sluice::store {
namespace {

constexpr Nanos kPresentEvery = 1'000'000'000;
// Commands without an answer: what comes beyond waits in the buckets, and grows no buffer.
constexpr std::size_t kMostExpected = 10'000;

}  // namespace

Conversation::Conversation(limits::Shared& shared, const Settings& settings, std::string node)
    : shared_(shared), settings_(settings), node_(std::move(node)) {}

void Conversation::greet(Nanos now) {
  if (!settings_.password.empty()) {
    append_auth(output_, settings_);
    expect({Of::auth, now});
  }
  if (settings_.database != 0) {
    append_select(output_, settings_.database);
    expect({Of::select, now});
  }
  append_presence(output_, node_);
  expect({Of::presence, now});
  present_at_ = now;
}

void Conversation::go_on(Nanos now) {
  if (!joined_ || expected_.size() >= kMostExpected) return;
  ask(shared_.tidy(now), now);
  ask(shared_.collect(kMostExpected, now), now);
  if (now - present_at_ < kPresentEvery) return;
  append_presence(output_, node_);
  expect({Of::presence, now});
  present_at_ = now;
}

void Conversation::ask(std::vector<limits::Shared::Ask> asks, Nanos now) {
  for (limits::Shared::Ask& each : asks)
    ask(std::move(each), Script::by_digest, now);
}

void Conversation::ask(limits::Shared::Ask ask, Script script, Nanos now) {
  append_take(output_, ask, script);
  expect({Of::take, now, std::move(ask), script});
}

bool Conversation::heard(std::string_view bytes, Nanos now) {
  replies_.feed(bytes);
  while (const auto reply = replies_.next()) {
    if (!take_reply(*reply, now)) return false;
  }
  return !replies_.failed() || over("does not speak as a Redis does");
}

bool Conversation::late(Nanos now) {
  if (expected_.empty() || now - expected_.front().since < kPatience) return false;
  over("no answer within 250 ms");
  return true;
}

bool Conversation::take_reply(const Reply& reply, Nanos now) {
  if (expected_.empty() && reply.kind == Reply::Kind::error) return over(reply.text);
  if (expected_.empty()) return over("answers what nobody asked");
  Expected expected = std::move(expected_.front());
  expected_.pop_front();
  if (reply.kind == Reply::Kind::error) return take_error(reply, expected, now);
  if (expected.what == Of::presence) {
    const auto nodes = nodes_of(reply);
    if (!nodes) return over("does not speak as a Redis does");
    shared_.join(*nodes);
    joined_ = true;
  }
  if (expected.what == Of::take) {
    const auto answer = answer_of(reply, expected.ask.lease);
    if (!answer) return over("does not speak as a Redis does");
    shared_.answered(expected.ask.key, *answer, now);
    ++leases_;
  }
  return true;
}

// It forgot the script: with a restart, or because somebody flushed it. Whatever else it does not want to do
// it will not do for the next bucket either.
bool Conversation::take_error(const Reply& reply, Expected& expected, Nanos now) {
  const bool forgot = reply.text.starts_with("NOSCRIPT") && expected.what == Of::take;
  if (!forgot || expected.script == Script::by_text) return over(reply.text);
  ask(std::move(expected.ask), Script::by_text, now);
  return true;
}

bool Conversation::over(std::string why) {
  why_ = why.empty() ? "an error without a word" : std::move(why);
  return false;
}

}  // namespace sluice::store
