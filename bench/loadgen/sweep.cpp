#include "loadgen/sweep.hpp"

#include <functional>
#include <vector>

namespace sluice::bench {
namespace {

class Sweep final : public Observer {
 public:
  Sweep(Fleet& fleet, Nanoseconds timeout) : fleet_(fleet), timeout_(timeout) { fleet_.observe(*this); }

  void opened(const Connection& connection) override {
    if (connection.is_tls())
      ++(connection.resumed_session() ? swept_.handshakes_resumed : swept_.handshakes_full);
    if (!awaits_answers_) settle(connection, {});
  }
  void finished(const Connection& connection, Token /*token*/, const Outcome& outcome) override {
    settle(connection, outcome.failure);
  }
  void closed(const Connection& connection, Closed how) override {
    if (how == Closed::failed) settle(connection, connection.failure());
  }

  Swept open();
  Swept request(const Catalogue& catalogue);

 private:
  using Step = std::function<void(std::uint32_t)>;

  Swept run(const std::vector<std::uint32_t>& indices, const Step& start);
  void settle(const Connection& connection, std::optional<Failure> failure);
  void drop_late();

  static constexpr Nanoseconds not_running = 0;
  Fleet& fleet_;
  Nanoseconds timeout_;
  bool awaits_answers_ = false;
  std::vector<Nanoseconds> since_;  // by connection
  std::size_t running_ = 0;
  Swept swept_;
};

void Sweep::settle(const Connection& connection, std::optional<Failure> failure) {
  auto& since = since_[connection.tag()];
  if (since == not_running) return;  // one that rests; the server closed it
  since = not_running;
  --running_;
  ++(failure ? swept_.failed : swept_.done);
  if (!failure) return;
  swept_.last_failure = name_of(*failure);
  if (!connection.reason().empty()) swept_.last_failure += ": " + connection.reason();
}

Swept Sweep::run(const std::vector<std::uint32_t>& indices, const Step& start) {
  constexpr std::size_t at_once = 64;
  since_.assign(fleet_.size(), not_running);
  auto next = indices.begin();
  while (next != indices.end() || running_ > 0) {
    for (; next != indices.end() && running_ < at_once; ++next) {
      since_[*next] = now();
      ++running_;
      start(*next);
    }
    fleet_.flush();
    fleet_.wait(100 * per_millisecond);
    drop_late();
  }
  return swept_;
}

void Sweep::drop_late() {
  const Nanoseconds time = now();
  for (std::uint32_t index = 0; index < since_.size(); ++index) {
    if (since_[index] == not_running || time - since_[index] < timeout_) continue;
    fleet_.cancel(index, index, Failure::timeout);
  }
}

Swept Sweep::open() {
  std::vector<std::uint32_t> all;
  for (std::uint32_t index = 0; index < fleet_.size(); ++index)
    all.push_back(index);
  return run(all, [this](std::uint32_t index) { fleet_.open(index); });
}

Swept Sweep::request(const Catalogue& catalogue) {
  awaits_answers_ = true;
  std::vector<std::uint32_t> ready;
  for (std::uint32_t index = 0; index < fleet_.size(); ++index)
    if (fleet_[index].is_open() && fleet_[index].accepts()) ready.push_back(index);
  return run(ready, [&](std::uint32_t index) { fleet_.request(index, index, catalogue.at(index)); });
}

}  // namespace

Swept open_all(Fleet& fleet, Nanoseconds timeout) { return Sweep(fleet, timeout).open(); }

Swept request_all(Fleet& fleet, const Catalogue& catalogue, Nanoseconds timeout) {
  return Sweep(fleet, timeout).request(catalogue);
}

}  // namespace sluice::bench
