#include "loadgen/worker.hpp"

#include "loadgen/stop.hpp"

#include <algorithm>

namespace sluice::bench {

Worker::Worker(const LoadOptions& options, const Catalogue& catalogue, Share share)
    : options_(options),
      catalogue_(catalogue),
      share_(share),
      fleet_(options, catalogue, share),
      resting_(std::size_t{fleet_.size()} * options.streams),
      parked_(fleet_.size()),
      requests_(std::size_t{fleet_.size()} * options.streams) {
  free_.reserve(requests_.size());
  for (auto token = static_cast<Token>(requests_.size()); token > 0; --token)
    free_.push_back(token - 1);
}

Swept Worker::open() {
  auto swept = open_all(fleet_, options_.timeout);
  tally_.connections_opened += swept.done;
  tally_.handshakes_full += swept.handshakes_full;
  tally_.handshakes_resumed += swept.handshakes_resumed;
  return swept;
}

void Worker::run(Schedule schedule, const std::atomic<Nanoseconds>& end) {
  fleet_.observe(*this);
  for (std::uint32_t place = 0; place < options_.streams; ++place)
    for (std::uint32_t index = 0; index < fleet_.size(); ++index)
      resting_.push({index, 0});
  for (Nanoseconds time = now(); stop_requests() < 2; time = now()) {
    schedule.stop(end.load(std::memory_order_relaxed));
    const Nanoseconds deadline = schedule.end() + options_.grace;
    const bool settled = schedule.exhausted(time) && free_.size() == requests_.size();
    if (time >= deadline || settled) break;
    if (time >= next_check_) check_timeouts(time);
    start_due(schedule);
    fleet_.flush();
    fleet_.wait(time_to_wait(schedule, deadline));
    counters_.received.set(fleet_.bytes_received());
  }
  tally_.measured.unsent = schedule.drop_rest();
  for (const auto& request : requests_) {
    if (!request.active) continue;
    ++(request.measured ? tally_.measured.unanswered : tally_.warmup_lost);
  }
}

Nanoseconds Worker::time_to_wait(const Schedule& schedule, Nanoseconds deadline) const {
  const Nanoseconds time = now();
  Nanoseconds until = std::min(next_check_, deadline);
  // Without a free place only an answer can help, and that is an event.
  if (!schedule.exhausted(time) && !resting_.empty()) until = std::min(until, schedule.due(time));
  return until > time ? until - time : 0;
}

void Worker::start_due(Schedule& schedule) {
  // No more than there are places now: what fails at once must not keep the events waiting.
  for (auto places = resting_.size(); places > 0; --places) {
    const Nanoseconds time = now();
    const Nanoseconds due = schedule.due(time);
    if (due > time || schedule.exhausted(time)) return;
    const auto place = resting_.pop();
    if (fleet_[place.connection].accepts())
      start(schedule, place, due, time);
    else
      ++parked_[place.connection];
  }
}

void Worker::start(Schedule& schedule, Resting::Place place, Nanoseconds due, Nanoseconds time) {
  const auto ask = catalogue_.at(schedule.index());
  const Token token = free_.back();
  free_.pop_back();
  const bool measured = schedule.is_measured(due);
  requests_[token] = {due, time, place.connection, ask.logged_class, true, measured};
  schedule.issue();
  counters_.sent.add(1);
  if (measured) {
    ++tally_.measured.sent;
    tally_.measured.waited += place.since > due ? 1 : 0;
    tally_.lag.record(time - std::max(due, place.since));
  } else {
    ++tally_.warmup_sent;
  }
  fleet_.request(place.connection, token, ask);
}

void Worker::opened(const Connection& connection) {
  ++tally_.connections_opened;
  if (connection.is_tls())
    ++(connection.resumed_session() ? tally_.handshakes_resumed : tally_.handshakes_full);
}

void Worker::finished(const Connection& connection, Token token, const Outcome& outcome) {
  auto& request = requests_[token];
  const Nanoseconds time = now();
  if (outcome.failure)
    count_failure(request, *outcome.failure);
  else
    count_answer(request, outcome.status, time);
  request.active = false;
  free_.push_back(token);
  if (connection.accepts())
    resting_.push({connection.tag(), time});
  else
    ++parked_[connection.tag()];
}

void Worker::closed(const Connection& connection, Closed how) {
  if (how == Closed::lost) ++tally_.connections_lost;
  const Nanoseconds time = now();
  for (auto& parked = parked_[connection.tag()]; parked > 0; --parked)
    resting_.push({connection.tag(), time});
}

void Worker::count_answer(const Request& request, unsigned status, Nanoseconds time) {
  const unsigned status_class = std::min<unsigned>(status / 100, status_classes - 1);
  const bool ok = status < 400 || status_class == request.logged_class;
  counters_.answered.add(1);
  counters_.failed.add(ok ? 0 : 1);
  counters_.latency.add(time - request.intended);
  if (!request.measured) {
    tally_.warmup_lost += ok ? 0 : 1;
    return;
  }
  auto& measured = tally_.measured;
  ++measured.statuses[status_class];
  ++(ok ? measured.ok : measured.bad_statuses[status_class]);
  if (request.logged_class != 0)
    ++(status_class == request.logged_class ? measured.as_logged : measured.not_as_logged);
  tally_.latency.record(time - request.intended);
  tally_.service.record(time - request.started);
}

void Worker::count_failure(const Request& request, Failure failure) {
  counters_.failed.add(1);
  if (request.measured)
    ++tally_.measured.failures[static_cast<std::size_t>(failure)];
  else
    ++tally_.warmup_lost;
}

void Worker::check_timeouts(Nanoseconds time) {
  // Also how soon a run notices that it is to end early.
  next_check_ = time + 50 * per_millisecond;
  for (Token token = 0; token < requests_.size(); ++token) {
    const auto& request = requests_[token];
    if (request.active && time - request.started >= options_.timeout)
      fleet_.cancel(request.connection, token, Failure::timeout);
  }
}

}  // namespace sluice::bench
