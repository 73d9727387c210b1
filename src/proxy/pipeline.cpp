// One request, top to bottom:
//
//   identify   who asks: client address, request id
//   redirect   listeners that only send people to https
//   route      host -> tenant -> path -> pool
//   prepare    fields that concern one hop out, forwarding and tenant fields in
//   answer     forward, or say why not
//   account    access log; always, exactly once
//
// Whoever changes the list changes the drawing in docs/architecture.md.
#include "sluice/proxy/pipeline.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/http/target.hpp"
#include "sluice/observe/counters.hpp"
#include "sluice/observe/log.hpp"

#include <algorithm>
#include <random>
#include <unordered_set>

#include <fmt/format.h>

namespace sluice::proxy {

Task<void> Pipeline::serve(http::Exchange& exchange) {
  Pin pin(*this);
  plan::Match match;
  handler::ForwardAccount forwarded;
  identify(exchange, pin.plan());
  if (route(exchange, pin.plan(), match) == Verdict::forward) {
    prepare(exchange, pin.plan());
    const observe::AccessDetails told = details(exchange, pin.epoch(), match.route);
    const handler::ForwardTarget target = target_of(*match.route, pin);
    co_await handler::forward(exchange, target, forwarded);
    account(exchange, told, forwarded);
  } else {
    const observe::AccessDetails told = details(exchange, pin.epoch(), nullptr);
    co_await exchange.downstream->respond();
    account(exchange, told, forwarded);
  }
}

Task<void> Pipeline::refuse(http::Exchange& exchange, const Error& error) {
  Pin pin(*this);
  identify(exchange, pin.plan());
  if (error.kind == ErrorKind::method_refused) {
    exchange.response.fields.add(exchange.arena, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                                 http::FieldId::other);
  }
  http::make_reply(exchange, http::reason_for(error));
  exchange.downstream->close_after();
  const observe::AccessDetails told = details(exchange, pin.epoch(), nullptr);
  co_await exchange.downstream->respond();
  account(exchange, told, {});
}

// Whether the peer is trusted is asked per request: a reload may have changed the answer.
void Pipeline::identify(http::Exchange& exchange, const plan::Plan& plan) {
  if (!plan.trusted_proxies().empty()) {
    const auto ip = IpAddress::parse(exchange.origin.peer_ip);
    exchange.origin.trusted_peer = ip && plan.trusted_proxies().contains(*ip);
  }
  http::identify(exchange, plan.trusted_proxies());
}

// Finds match.route, or makes the answer.
Pipeline::Verdict Pipeline::route(http::Exchange& exchange, const plan::Plan& plan, plan::Match& match) {
  if (redirects(exchange)) {
    const std::string suffix = https_port_ == 443 ? "" : fmt::format(":{}", https_port_);
    const std::string_view target = exchange.request.target == "*" ? "/" : exchange.request.target;
    http::make_redirect(exchange, exchange.arena.join({"https://", exchange.request.host, suffix, target}));
    return Verdict::answered;
  }
  const http::RequestHead& request = exchange.request;
  if (plan.document().max.body != 0 && request.framing == http::Framing::length &&
      request.length > plan.document().max.body) {
    http::make_reply(exchange, http::reason_for({ErrorKind::body_too_large, Side::downstream}));
    exchange.downstream->close_after();  // a client that goes on sending is not worth reading
    return Verdict::answered;
  }
  match = plan.routes().find(request.host, request.path, request.method_text);
  // The application may decode what we compare as it stands. Where that would choose another route, neither
  // reading can be trusted.
  const std::string_view decoded = http::decoded_path(request.path, exchange.arena);
  if (decoded.data() != request.path.data() &&
      plan.routes().find(request.host, decoded, request.method_text).route != match.route) {
    http::make_reply(exchange, {400, "http_request_error", "the path can be read in two ways"});
    exchange.downstream->close_after();
    match.route = nullptr;
    return Verdict::answered;
  }
  exchange.tenant = exchange.arena.copy(match.tenant);  // outlives the plan in a tunnel
  if (match.route != nullptr) return Verdict::forward;
  http::make_reply(exchange, {plan.unknown_status(), "destination_not_found", "no tenant or route matches"});
  return Verdict::answered;
}

bool Pipeline::redirects(const http::Exchange& exchange) const {
  return listeners_[exchange.origin.listener].redirect_https && !exchange.request.host.empty() &&
         !exchange.request.path.starts_with("/.well-known/acme-challenge/");
}

void Pipeline::prepare(http::Exchange& exchange, const plan::Plan& plan) const {
  http::Fields& fields = exchange.request.fields;
  http::drop_hop_by_hop(fields);
  http::add_forwarding_fields(exchange);
  const std::string& header = plan.tenant_header();
  if (header.empty()) return;
  exchange.own_field = exchange.arena.copy(header);
  for (http::Field& field : fields.all()) {
    if (field.name.size() == header.size() && http::same_variable(field.name, header)) field.dropped = true;
  }
  if (!exchange.tenant.empty())
    fields.add(exchange.arena, exchange.own_field, exchange.tenant, http::FieldId::other);
}

handler::ForwardTarget Pipeline::target_of(const plan::Route& route, Pin& pin) {
  Epoch& epoch = pin.epoch();
  return {epoch.balancers[route.pool], connections_, route.limits,
          [](void* context) { static_cast<Pin*>(context)->release(); }, &pin};
}

// What the log says of the configuration, copied: a tunnel outlives it.
observe::AccessDetails Pipeline::details(http::Exchange& exchange, const Epoch& epoch,
                                         const plan::Route* route) const {
  observe::AccessDetails out;
  if (!access_log_.on()) return out;
  out.generation = epoch.runtime->generation;
  if (route == nullptr) return out;
  const plan::Plan& plan = *epoch.runtime->plan;
  out.pool = exchange.arena.copy(plan.pools()[route->pool].name);
  out.route =
      exchange.arena.join({plan.document().files[route->at.file], ":", Decimal(route->at.line).view()});
  return out;
}

void Pipeline::account(const http::Exchange& exchange, observe::AccessDetails details,
                       const handler::ForwardAccount& forward) {
  if (!access_log_.on()) return;
  details.duration = loop_.now() - exchange.account.started;
  if (forward.endpoint != nullptr) details.server = forward.endpoint->name();
  details.attempts = forward.attempts;
  details.upstream = forward.first_byte;
  details.connect = forward.connect;
  details.queued = forward.queued;
  access_log_.write(exchange, details);
}

// One line a second is enough to see an attack; the counters have the rest.
void Pipeline::abused(const http::Connection& connection, http::Abuse reason) {
  constexpr Nanos kQuiet = 1'000'000'000;
  observe::count(reason);
  if (abuse_told_ != 0 && loop_.now() - abuse_told_ < kQuiet) {
    ++abuse_untold_;
    return;
  }
  abuse_told_ = loop_.now();
  observe::log_warn("connection from {} on listener {} ended: {}{}", connection.peer_ip(),
                    listeners_[connection.listener()].name, http::to_string(reason),
                    abuse_untold_ == 0 ? "" : fmt::format(" (and {} others)", abuse_untold_));
  abuse_untold_ = 0;
}

Pipeline::Pipeline(net::Loop& loop, Ended ended, Dispose dispose)
    : loop_(loop),
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
  const config::Log& log = runtime->plan->document().log;
  access_log_.configure(runtime->access_file, log.format, log.query);

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
