// One client connection, from its first byte to its last.
#pragma once

#include "origin/body.hpp"
#include "origin/content.hpp"
#include "origin/delay.hpp"
#include "origin/identity.hpp"
#include "origin/loop.hpp"
#include "origin/reply.hpp"
#include "origin/request.hpp"
#include "origin/stream.hpp"
#include "origin/task.hpp"

#include <chrono>
#include <cstdint>
#include <list>
#include <string>

namespace sluice::origin {

class Session;
using Sessions = std::list<Session>;

struct Stats {
  std::uint64_t connections = 0;
  std::uint64_t open = 0;
  std::uint64_t requests = 0;
  DelayRecord delays;
};

// What the sessions of one address share, and the lists that say in which state each of them is.
struct Surroundings {
  Loop& loop;
  Stats& stats;
  Delay::Random& random;
  SSL_CTX* tls;
  Identity identity;
  CannedReply canned;
  std::size_t body_bytes;  // of the default reply
  Sessions& idle;          // waiting for a request, the longest-waiting first
  Sessions& busy;          // within one
  Sessions& ended;         // to be destroyed once nothing of theirs runs any more
};

class Session {
 public:
  Session(Surroundings& around, int fd);

  // Runs until the connection ends. `self` is where this session stands in around.busy.
  void start(Sessions::iterator self);

  Loop::Clock::time_point idle_since() const { return idle_since_; }

 private:
  Task<> run();
  Task<> converse();
  // Answers every request at the front of the input that needs no thought, into out_. What stopped it: a
  // complete request that does (in request_), a half one, or nonsense.
  Scan answer_plain();
  Task<After> answer();
  Task<After> serve(const Request& request, const Behaviour& wants);
  Task<After> upgrade(const Request& request);
  Task<> wait(const Delay& delay);
  Content make_content(const Request& request, const Behaviour& wants, BodySummary& body) const;
  std::string echo_json(const Request& request, BodySummary& body) const;

  void become_idle();
  void become_busy() { move_to(around_.busy); }
  void move_to(Sessions& list);

  Surroundings& around_;
  Stream stream_;
  Sessions* home_;
  Sessions::iterator self_;
  Loop::Clock::time_point idle_since_;
  std::uint64_t number_;
  std::uint64_t requests_ = 0;
  Request request_;
  std::string out_;
  Task<> task_;  // last, so that it is destroyed before what it works on
};

}  // namespace sluice::origin
