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

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "sluice/http/forwarding.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/http/target.hpp"

namespace sluice::proxy {

Task<void> Pipeline::serve(http::Exchange& exchange) {
  Pin pin(*this);
  plan::Match match;
  handler::ForwardAccount forwarded;
  http::identify(exchange, pin.plan().trusted_proxies());
  if (route(exchange, pin.plan(), match) == Verdict::forward) {
    prepare(exchange, pin.plan());
    co_await answer(exchange, pin.epoch(), *match.route, forwarded);
  } else {
    co_await exchange.downstream->respond();
  }
  account(exchange, pin.epoch(), match.route, forwarded);
}

Task<void> Pipeline::refuse(http::Exchange& exchange, const Error& error) {
  Pin pin(*this);
  http::identify(exchange, pin.plan().trusted_proxies());
  if (error.kind == ErrorKind::method_refused) {
    exchange.response.fields.add(exchange.arena, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                                 http::FieldId::other);
  }
  http::make_reply(exchange, http::reason_for(error));
  exchange.downstream->close_after();
  co_await exchange.downstream->respond();
  account(exchange, pin.epoch(), nullptr, {});
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
  exchange.tenant = match.tenant;
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
  exchange.own_field = header;
  for (http::Field& field : fields.all()) {
    if (field.name.size() == header.size() && http::same_variable(field.name, header)) field.dropped = true;
  }
  if (!exchange.tenant.empty()) fields.add(exchange.arena, header, exchange.tenant, http::FieldId::other);
}

Task<void> Pipeline::answer(http::Exchange& exchange, Epoch& epoch, const plan::Route& route,
                            handler::ForwardAccount& account) {
  const handler::ForwardTarget target{*epoch.runtime->members[route.pool], epoch.balancers[route.pool], connections_,
                                      route.limits};
  co_await handler::forward(exchange, target, account);
}

void Pipeline::account(const http::Exchange& exchange, const Epoch& epoch, const plan::Route* route,
                       const handler::ForwardAccount& forward) {
  if (!access_log_.on()) return;
  observe::AccessDetails details;
  details.duration = loop_.now() - exchange.account.started;
  details.generation = epoch.runtime->generation;
  std::string where;
  if (route != nullptr) {
    details.pool = epoch.runtime->plan->pools()[route->pool].name;
    where = fmt::format("{}:{}", epoch.runtime->plan->document().files[route->at.file], route->at.line);
    details.route = where;
  }
  if (forward.endpoint != nullptr) details.server = forward.endpoint->name();
  details.attempts = forward.attempts;
  details.upstream = forward.first_byte;
  details.connect = forward.connect;
  access_log_.write(exchange, details);
}

Pipeline::Pipeline(net::Loop& loop, Ended ended, Dispose dispose)
    : loop_(loop), ended_(std::move(ended)), dispose_(std::move(dispose)), connections_(loop) {}

Pipeline::~Pipeline() = default;

void Pipeline::publish(std::shared_ptr<const Runtime> runtime) {
  auto epoch = std::make_unique<Epoch>();
  epoch->balancers.resize(runtime->members.size());
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
  for (const auto& members : next.members) {
    for (const upstream::Member& member : *members) {
      kept.insert(member.endpoint.get());
      connections_.keep(*member.endpoint);
    }
  }
  if (current_ == nullptr) return;
  const Runtime& old = *current_->runtime;
  for (std::size_t pool = 0; pool < old.members.size(); ++pool) {
    for (const upstream::Member& member : *old.members[pool]) {
      if (!kept.contains(member.endpoint.get())) {
        connections_.retire(*member.endpoint, old.plan->pools()[pool].drain);
      }
    }
  }
}

void Pipeline::forget(Epoch& epoch) {
  const auto at = std::find_if(retired_.begin(), retired_.end(), [&](const auto& e) { return e.get() == &epoch; });
  dispose_(std::move(epoch.runtime));
  retired_.erase(at);
}

void Pipeline::set_listener(std::uint32_t slot, const plan::Listener& listener) {
  if (slot >= listeners_.size()) listeners_.resize(slot + 1);
  listeners_[slot] = listener;
}

http1::ServerSettings Pipeline::settings(const http::Origin& origin) { return listeners_[origin.listener].settings; }

}  // namespace sluice::proxy
