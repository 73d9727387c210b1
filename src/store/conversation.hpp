// One connection to the store, from its first command to the word that ended it: what is sent, and what each
// answer is to. Knows no socket: bytes go in and come out.
#pragma once

#include "sluice/limits/shared.hpp"
#include "sluice/store/client.hpp"

#include "store/commands.hpp"
#include "store/replies.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::store {

class Conversation {
 public:
  // An answer is due after 250 ms.
  static constexpr Nanos kPatience = 250'000'000;

  // `node`: what this process is called among those that count.
  Conversation(limits::Shared& shared, const Settings& settings, std::string node);

  // Says who we are, and what stays to be told.
  void greet(Nanos now);
  // What buckets ask, as far as there is room for it, and once a second that we are there.
  void go_on(Nanos now);
  // Bytes came. False: it is over, for why().
  bool heard(std::string_view bytes, Nanos now);
  // Whether an answer is overdue; then it is over.
  bool late(Nanos now);

  const std::string& why() const { return why_; }
  bool joined() const { return joined_; }
  // How many asks were answered since it was last asked.
  std::uint64_t take_leases() { return std::exchange(leases_, 0); }
  // To be sent; whoever did so takes it away.
  std::string& output() { return output_; }

 private:
  enum class Of : std::uint8_t { auth, select, presence, take };
  struct Expected {
    Of what;
    Nanos since = 0;
    limits::Shared::Ask ask = {};
    Script script = Script::by_digest;
  };

  void expect(Expected expected) { expected_.push_back(std::move(expected)); }
  void ask(std::vector<limits::Shared::Ask> asks, Nanos now);
  void ask(limits::Shared::Ask ask, Script script, Nanos now);
  bool take_reply(const Reply& reply, Nanos now);
  bool take_error(const Reply& reply, Expected& expected, Nanos now);
  bool over(std::string why);

  limits::Shared& shared_;
  const Settings& settings_;
  const std::string node_;
  Replies replies_;
  std::string output_;
  std::deque<Expected> expected_;
  std::string why_;
  Nanos present_at_ = 0;
  std::uint64_t leases_ = 0;
  bool joined_ = false;
};

}  // namespace sluice::store
