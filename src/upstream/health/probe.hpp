// The checks of one server, one after the other.
#pragma once

#include "sluice/http/exchange.hpp"
#include "sluice/upstream/connections/connections.hpp"
#include "sluice/upstream/health/checker.hpp"
#include "sluice/upstream/registry.hpp"

#include "upstream/health/verdict.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace sluice::upstream {

// Who must know of the checks that are under way.
class ProbeOwner {
 public:
  virtual Connections& connections() = 0;
  virtual Registry& targets() = 0;
  virtual void began() = 0;
  virtual void ended() = 0;
  // The first round of a probe is over, or it ended before that.
  virtual void first_done() = 0;

 protected:
  ~ProbeOwner() = default;
};

// Lives on one loop. Kept alive by its owner and by the check under way, which it outlives.
class Probe final : public std::enable_shared_from_this<Probe> {
 public:
  Probe(net::Loop& loop, ProbeOwner& owner, std::shared_ptr<Endpoint> endpoint);
  ~Probe();

  // From the next check on. `fresh`: the plan says whether the server is up until its first check. One that
  // serves already is not taken out by a single check.
  void configure(std::shared_ptr<const CheckPlan> plan, bool fresh);
  void start(Nanos delay);
  // No further check; the one under way is given up and changes nothing any more.
  void stop();

  const CheckPlan& plan() const { return *plan_; }

 private:
  static void on_due(void* self);
  static void on_overdue(void* self);
  Detached run(std::shared_ptr<Probe> self);
  // As everybody the plan names: empty, or the first thing that is wrong.
  Task<std::string> ask_all();
  // `last`: of its round.
  Task<std::string> ask(const CheckPlan& plan, const CheckPlan::As* as, bool last);
  // A kept connection or a new one; nullptr, and why not.
  Task<std::unique_ptr<Channel>> reach(const CheckPlan& plan, std::string& why);
  // Nothing: the connection was a kept one, and had ended.
  Task<std::optional<std::string>> request(const CheckPlan& plan, Channel& channel, const CheckPlan::As* as);
  enum class BodyEnd : std::uint8_t { whole, cut, broken };
  Task<BodyEnd> read_body(std::string& body);
  void fill_in(const CheckPlan& plan, const CheckPlan::As* as);
  void conclude(std::string reason, Nanos took);
  void first_round_over();
  void schedule();
  std::string in_words(const Error& error) const;

  net::Loop& loop_;
  ProbeOwner& owner_;
  const std::shared_ptr<Endpoint> endpoint_;
  std::shared_ptr<const CheckPlan> plan_;
  std::shared_ptr<Endpoint> target_;  // the same server, as the checks speak to it
  Verdict verdict_;
  net::Deadline due_;
  net::Deadline overdue_;
  Channel* channel_ = nullptr;  // being asked
  std::unique_ptr<http::Exchange> exchange_;
  std::minstd_rand random_;
  Nanos limit_ = 0;  // of the round under way
  Nanos renew_ = 0;  // the connection that was opened last is not used any more
  bool stopped_ = false;
  bool late_ = false;          // the time of the round under way is over
  bool inconclusive_ = false;  // it says nothing about the server
  bool first_ = true;          // no round is over yet
};

}  // namespace sluice::upstream
