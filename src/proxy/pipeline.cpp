// One request, top to bottom:
//
//   identify   who asks: client address, request id
//   turn away  clients that are banned; for one tenant only, and of tenants on hold, once the tenant is known
//   admit      what needs no route: listeners that only send people to https, loops
//   route      host -> tenant -> path -> action and policies
//   policies   one after the other; any of them may answer
//   ask        forwarding: a server, until the head of its answer is here; or the answer is made at once
//   shape      policies again, the other way round, over the head of whatever answer it is
//   respond    head and body to the client, whoever made them
//   finish     what forwarding left under way
//   account    the record of all that goes to the totals and the log; always, exactly once
//
// Whoever changes the list changes the drawing in docs/architecture.md.
#include "sluice/proxy/pipeline.hpp"

#include "sluice/http/cdn_loop.hpp"
#include "sluice/http/date.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/http/target.hpp"
#include "sluice/observe/counters.hpp"
#include "sluice/observe/recurring.hpp"

#include "proxy/miss.hpp"
#include "proxy/turned_away.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <unordered_set>

#include <fmt/format.h>

namespace sluice::proxy {
namespace {

const plan::Action kLoop = plan::Fixed{http::reason_for(broken(Rule::loop, Side::downstream))};
const plan::Action kMalformedLoop =
    plan::Fixed{http::reason_for(broken(Rule::bad_cdn_loop, Side::downstream))};
const plan::Action kDotSegment =
    plan::Fixed{http::reason_for(broken(Rule::dot_segment, Side::downstream)), http::Then::close};
const plan::Action kTwoReadings = plan::Fixed{
    {400, "http_request_error", "the path can be read in two ways", 0, Rule::two_routes}, http::Then::close};

}  // namespace

Task<void> Pipeline::serve(http::Exchange& exchange) { return travel(exchange, nullptr); }

Task<void> Pipeline::refuse(http::Exchange& exchange, const Error& error) {
  plan::Action refusal = plan::Fixed{http::reason_for(error), http::Then::close};
  // Clear text at a TLS port: where plain listeners send people to https, so does this.
  const http::RequestHead& request = exchange.request;
  const bool understood = !request.host.empty() && !request.dotted;
  if (error.kind == ErrorKind::tls_failed && understood && current_->runtime->plan->redirects_to_https())
    refusal = plan::RedirectToHttps{};
  co_await travel(exchange, &refusal);
}

// `refusal`: the request could not be read, and exchange.request holds what was understood of it.
Task<void> Pipeline::travel(http::Exchange& exchange, const plan::Action* refusal) {
  Pin pin(*this);
  std::optional<handler::Forward> forward;
  bool answered = true;
  identify(exchange, pin.plan());
  const plan::Action* action = refusal;
  const policy::Chain* policies = nullptr;
  bool made = action == nullptr && is_banned(exchange);  // the answer
  if (action == nullptr && !made) action = admit(exchange, pin.plan());
  if (action == nullptr && !made) {
    action = &route(exchange, pin.plan(), policies);
    made = is_kept_from_tenant(exchange, pin.holds());
  }
  exchange.record.generation = pin.generation();
  policy::Visit visit{exchange, loop_, limits_};
  if (!made && policies != nullptr) made = policies->admit(visit) == policy::Policy::Verdict::answered;
  if (made) {
    // There is nothing more to say.
  } else if (const auto* to = std::get_if<plan::Forward>(action); to == nullptr) {
    answer(exchange, *action);
  } else if (exchange.request_body == nullptr || accept_body(exchange)) {
    exchange.record.pool = pin.plan().pools()[to->pool].name;
    prepare(exchange, pin.plan());
    forward.emplace(exchange, handler::ForwardTarget{pin.balancer(to->pool), connections_, to->limits});
    answered = co_await forward->ask();
  }
  if (policies != nullptr && answered) policies->shape(visit);
  // A filter may still read what it was configured with.
  if (exchange.long_lived && exchange.response_filter == nullptr) let_go(exchange, pin);
  Error error;
  if (answered && !forward && exchange.response_filter != nullptr) {
    error = co_await respond_alone(exchange);
  } else if (answered) {
    error = co_await respond(exchange);
  }
  exchange.end_filters();
  if (forward) co_await forward->finish(error);
  account(exchange);
  exchange.end_notes();
}

// Whether the peer is trusted is asked per request: a reload may have changed the answer.
void Pipeline::identify(http::Exchange& exchange, const plan::Plan& plan) {
  if (!plan.trusted_proxies().empty()) {
    const auto ip = IpAddress::parse(exchange.origin.peer_ip);
    exchange.origin.trusted_peer = ip && plan.trusted_proxies().contains(*ip);
  }
  http::identify(exchange, plan.trusted_proxies());
}

// The answer is made then, as in the next one.
bool Pipeline::is_banned(http::Exchange& exchange) const {
  return limits_.bans.any() && proxy::is_banned(exchange, limits_.bans, {}, loop_.now());
}

// For the tenant's requests alone.
bool Pipeline::is_kept_from_tenant(http::Exchange& exchange, const limits::Holds* holds) const {
  if (exchange.tenant.empty()) return false;
  if (limits_.bans.any() && proxy::is_banned(exchange, limits_.bans, exchange.tenant, loop_.now()))
    return true;
  return holds != nullptr && is_held(exchange, *holds, loop_.now());
}

// What is done whatever the route; nullptr: the route says.
const plan::Action* Pipeline::admit(const http::Exchange& exchange, const plan::Plan& plan) const {
  const http::RequestHead& request = exchange.request;
  const std::optional<plan::Action>& all = listeners_[exchange.origin.listener].action;
  if (all && !request.host.empty()) {
    if (request.dotted) return &kDotSegment;  // no way past the one exception
    if (!request.path.starts_with("/.well-known/acme-challenge/")) return &*all;
  }
  const Error loop = http::check_loop(exchange, plan.forwarding().cdn_id);
  if (!loop) return nullptr;
  return loop.kind == ErrorKind::loop_detected ? &kLoop : &kMalformedLoop;
}

// Finds the action, and the policies that stand before it.
const plan::Action& Pipeline::route(http::Exchange& exchange, const plan::Plan& plan,
                                    const policy::Chain*& policies) {
  const http::RequestHead& request = exchange.request;
  const plan::Match match = plan.routes().find(request.host, request.path, request.method_text);
  if (request.dotted && !keeps_dots(exchange, plan, match.route))
    return match.route != nullptr && match.route->dots ? kTwoReadings : kDotSegment;
  // The application may decode what we compare as it stands. Where that would choose another route, neither
  // reading can be trusted.
  const std::string_view decoded = http::decoded_path(request.path, exchange.arena);
  if (decoded.data() != request.path.data() &&
      plan.routes().find(request.host, decoded, request.method_text).route != match.route) {
    return kTwoReadings;
  }
  exchange.tenant = match.tenant;
  exchange.tenant_listed = match.tenant_listed;
  if (match.route == nullptr) {
    explain_miss(exchange, plan);
    return plan.unknown();
  }
  exchange.record.route_file = plan.file_of(match.route->at);
  exchange.record.route_line = match.route->at.line;
  const plan::Treatment& treatment = match.treatment();
  policies = treatment.policies.get();
  return treatment.action;
}

// Whether a path with dot segments goes on: its route says so, and is the one that all readings of it lead
// to, so that nobody gets by this route to where another one leads.
bool Pipeline::keeps_dots(http::Exchange& exchange, const plan::Plan& plan, const plan::Route* route) {
  if (route == nullptr || !route->dots) return false;
  const http::RequestHead& request = exchange.request;
  return http::all_resolutions(request.path, exchange.arena, [&](std::string_view reading) {
    return plan.routes().find(request.host, reading, request.method_text).route == route;
  });
}

// Hop-by-hop fields out, forwarding fields and tenant field in.
void Pipeline::prepare(http::Exchange& exchange, const plan::Plan& plan) const {
  http::Fields& fields = exchange.request.fields;
  http::drop_hop_by_hop(fields);
  http::add_forwarding_fields(exchange, plan.forwarding());
  const std::string& header = plan.tenant_header();
  if (header.empty()) return;
  exchange.own_field = exchange.arena.copy(header);  // an upload keeps it, also in a tunnel
  for (http::Field& field : fields.all()) {
    if (field.name.size() == header.size() && http::same_variable(field.name, header)) field.dropped = true;
  }
  if (!exchange.tenant.empty())
    fields.add(exchange.arena, exchange.own_field, exchange.tenant, http::FieldId::other);
}

// Holds the body to its bound. False: it announces a longer one, and the answer is made.
bool Pipeline::accept_body(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request;
  const std::uint64_t most = exchange.max_body;
  if (most != 0 && request.framing == http::Framing::length && request.length > most) {
    http::make_reply(exchange, http::reason_for(sluice::broken(Rule::body_size, Side::downstream)));
    exchange.downstream->close_after();  // a client that goes on sending is not worth reading
    return false;
  }
  exchange.downstream->bound_body(most);
  return true;
}

// Makes the answer of an action that asks nobody.
void Pipeline::answer(http::Exchange& exchange, const plan::Action& action) const {
  if (const auto* fixed = std::get_if<plan::Fixed>(&action)) {
    http::Reason reason = fixed->reason;
    if (reason.rule == Rule::none) reason.rule = exchange.record.rule;  // that of explain_miss()
    http::make_reply(exchange, reason);
    if (fixed->then == http::Then::close) exchange.downstream->close_after();
    return;
  }
  const http::RequestHead& request = exchange.request;
  const std::string_view target = request.target == "*" ? "/" : request.target;
  // A client that has come to a TLS port knows which.
  const bool knows_port = listeners_[exchange.origin.listener].tls;
  const std::string suffix = knows_port || https_port_ == 443 ? "" : fmt::format(":{}", https_port_);
  const std::string_view host = knows_port ? request.authority : request.host;
  http::make_redirect(exchange, exchange.arena.join({"https://", host, suffix, target}));
}

Task<Error> Pipeline::respond(http::Exchange& exchange) {
  if (exchange.response.status >= 200) http::add_date(exchange.response.fields, exchange.arena, loop_.now());
  return exchange.downstream->respond();
}

// The same where a filter may wait, and nobody forwards, who would end the wait for a client that leaves.
Task<Error> Pipeline::respond_alone(http::Exchange& exchange) {
  exchange.downstream->on_departure(&Pipeline::on_departure, &exchange);
  const Error error = co_await respond(exchange);
  exchange.downstream->on_departure(nullptr, nullptr);
  co_return error;
}

void Pipeline::on_departure(void* exchange, http::Departure how) {
  const auto& filter = static_cast<http::Exchange*>(exchange)->response_filter;
  if (how == http::Departure::gone && filter != nullptr) filter->stop();
}

// A tunnel may last for days: what is still to be told of the configuration is copied, and that may go.
void Pipeline::let_go(http::Exchange& exchange, Pin& pin) {
  Arena& arena = exchange.arena;
  http::Record& record = exchange.record;
  exchange.tenant = arena.copy(exchange.tenant);
  record.pool = arena.copy(record.pool);
  record.route_file = arena.copy(record.route_file);
  pin.release();
}

void Pipeline::account(http::Exchange& exchange) {
  exchange.record.ended = loop_.now();
  totals_.add(exchange.response.status, exchange.record);
  if (access_log_.on()) access_log_.write(exchange);
}

void Pipeline::broken(const http::Connection& connection, Rule rule) {
  static observe::Recurring breaches;  // on all workers
  totals_.refused(Side::downstream, rule);
  breaches.tell(observe::LogLevel::info, loop_.now(), "connection from {} on listener {} ended: {}: {}",
                connection.peer_ip(), listeners_[connection.listener()].name, to_string(rule), words(rule));
}

// A few lines are enough to see an attack; the counters have the rest.
void Pipeline::abused(const http::Connection& connection, http::Abuse reason) {
  static observe::Recurring attacks;  // on all workers
  observe::count(reason);
  attacks.tell(observe::LogLevel::warn, loop_.now(), "connection from {} on listener {} ended: {}",
               connection.peer_ip(), listeners_[connection.listener()].name, http::to_string(reason));
}

Pipeline::Pipeline(net::Loop& loop, observe::Totals& totals, limits::State& limits, Ended ended,
                   Dispose dispose)
    : loop_(loop),
      totals_(totals),
      limits_(limits),
      ended_(std::move(ended)),
      dispose_(std::move(dispose)),
      connections_(loop),
      seeds_(std::random_device{}()) {}

Pipeline::~Pipeline() = default;

void Pipeline::publish(std::shared_ptr<const Runtime> runtime) {
  auto epoch = std::make_unique<Epoch>();
  epoch->balancers.reserve(runtime->groups.size());
  for (const auto& group : runtime->groups)
    epoch->balancers.emplace_back(*group, seeds_.next());
  access_log_.configure(runtime->access);

  retire_servers(*runtime);
  epoch->runtime = std::move(runtime);
  std::unique_ptr<Epoch> old = std::exchange(current_, std::move(epoch));
  if (old == nullptr) return;
  if (old->pins == 0) {
    dispose_(std::move(old->runtime));
  } else {
    retired_.push_back(std::move(old));
  }
}

// Servers that `next` no longer has finish what they have under way within their pool's drain time.
void Pipeline::retire_servers(const Runtime& next) {
  std::unordered_set<const upstream::Endpoint*> kept;
  for (const auto& group : next.groups) {
    for (const upstream::Member& member : group->members()) {
      kept.insert(member.endpoint.get());
      connections_.keep(*member.endpoint);
    }
  }
  if (current_ == nullptr) return;
  const Runtime& old = *current_->runtime;
  for (std::size_t pool = 0; pool < old.groups.size(); ++pool) {
    for (const upstream::Member& member : old.groups[pool]->members()) {
      if (!kept.contains(member.endpoint.get())) {
        connections_.retire(*member.endpoint, old.plan->pools()[pool].drain);
      }
    }
  }
}

void Pipeline::forget(Epoch& epoch) {
  const auto at =
      std::find_if(retired_.begin(), retired_.end(), [&](const auto& e) { return e.get() == &epoch; });
  dispose_(std::move(epoch.runtime));
  retired_.erase(at);
}

void Pipeline::set_listener(std::uint32_t slot, const plan::Listener& listener) {
  if (slot >= listeners_.size()) listeners_.resize(slot + 1);
  listeners_[slot] = listener;
}

}  // namespace sluice::proxy
