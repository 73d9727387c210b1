// Answers an exchange by asking an application server: picks one, passes the request on and the response
// back; tries another when the first one fails.
//
// In two halves, between which others may change the response: ask() ends with a head in the exchange, that
// of a server or one that tells why there is none; finish() ends what is still under way once the response is
// out. See proxy/pipeline.cpp.
#pragma once

#include "sluice/handler/choice.hpp"
#include "sluice/handler/replay.hpp"
#include "sluice/handler/upload.hpp"
#include "sluice/http/exchange.hpp"
#include "sluice/upstream/connections/connections.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace sluice::handler {

// `balancer` is used until ask() has ended, and not after: a tunnel may last for days, and must not hold what
// it was configured by.
struct ForwardTarget {
  upstream::Balancer& balancer;
  upstream::Connections& connections;
  upstream::Limits limits;
};

// One exchange's. Notes what happens in exchange.record, whose `server` it keeps alive.
class Forward {
 public:
  Forward(http::Exchange& exchange, const ForwardTarget& target);
  Forward(const Forward&) = delete;
  Forward& operator=(const Forward&) = delete;

  // The request's fields are already those to be forwarded. True: exchange.response is to be sent, and has
  // been passed through drop_hop_by_hop; with status 101 the tunnel is open. False: the client is gone, or
  // must not be told anything.
  Task<bool> ask();
  // After respond(), with what came of it; or after ask() where there was nothing to say. Must be called.
  Task<void> finish(const Error& responded);

 private:
  Nanos now() const { return target_.connections.loop().now(); }
  // These three not after ask().
  const upstream::Group& group() const { return target_.balancer.group(); }
  const upstream::Rules& rules() const { return group().rules(); }
  upstream::PoolState& pool() const { return *group().state(); }

  void begin_call();
  Task<void> wait_for_room(Error& error);
  void answer(const Error& error);

  // One server.
  Task<Error> ask_server(std::shared_ptr<upstream::Endpoint> endpoint);
  Task<std::unique_ptr<upstream::Channel>> connect(const std::shared_ptr<upstream::Endpoint>& endpoint,
                                                   Error& error);
  Task<Error> exchange_on(std::unique_ptr<upstream::Channel> channel);
  Task<Error> end_attempt(Error error);
  http::UpstreamLimits limits_of_try();
  void prepare_response();

  // Another one.
  bool try_another(upstream::RetryReason reason);
  void try_another_after(const Error& error);
  bool may_repeat(const Error& error, bool reused);
  bool repeatable() const;
  bool body_is_whole() const;
  bool body_fits() const;
  void keep_body(const upstream::Endpoint& endpoint);
  void rewind();

  // What the pool learns of it.
  void judge(upstream::Endpoint& endpoint, const Error& error);
  void report(std::string_view why);
  void report(const Error& error);
  void report_status();
  void note_broken(const Error& error);

  static void on_departure(void* self, http::Departure how);
  static void on_deadline(void* self);
  void doubt_client();
  static void on_doubt(void* self);
  void end_wait(ErrorKind why);
  void end();
  Task<void> finish_under_way();

  http::Exchange& exchange_;
  const ForwardTarget target_;
  std::shared_ptr<upstream::Endpoint> endpoint_;  // asked last; outlives its place in `choice_`
  Choice choice_;
  http::UpstreamLimits limits_;
  net::Deadline deadline_;
  net::Deadline doubt_;                         // whether a client that closed its half reads on
  std::uint64_t heard_before_ = 0;              // by that client, when the doubt began
  Nanos expires_ = 0;                           // by the client's own word; 0: it said nothing
  std::unique_ptr<upstream::Channel> channel_;  // to who is being asked
  std::optional<Upload> upload_;                // of the request's body, over `channel_`
  upstream::Queue::Place* waiting_ = nullptr;   // where we wait for room
  http::BodySource* source_ = nullptr;          // under the replay
  std::optional<Replay> replay_;
  int refusals_ = 0;
  bool stale_ = false;               // it should be done again on another connection
  bool client_gone_ = false;         // for good
  bool client_half_closed_ = false;  // it sends no more, and perhaps reads no more
  bool streaming_ = false;           // the response is one without an end of its own
  bool expired_ = false;
};

}  // namespace sluice::handler
