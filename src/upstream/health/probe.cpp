#include "upstream/health/probe.hpp"

#include "upstream/health/expectation.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

namespace sluice::upstream {
namespace {

// Who gets the interim responses of a check: nobody.
class Nobody final : public http::Downstream {
 public:
  Task<Error> interim(const http::ResponseHead& /*head*/) override { co_return Error{}; }
  Task<Error> respond() override { co_return Error{}; }
  http::BodySource& open_tunnel() override { return nothing_; }
  void bound_body(std::uint64_t /*most*/) override {}
  void close_after() override {}
  void on_departure(Departed /*departed*/, void* /*context*/) override {}

 private:
  http::TextBody nothing_;
};

constexpr const char kDown[] = "pool {}: server {} is down: {}";
constexpr Nanos kMaintenanceLook = 1'000'000'000;
// Frequent checks use one connection for so long, since connect and close are most of what a check costs. It
// is also how late it may show that a server serves whom it knows and lets nobody else in.
constexpr Nanos kRenew = 5'000'000'000;

std::int64_t unix_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

SocketAddress at_port(const SocketAddress& address, std::uint16_t port) {
  return port == 0 ? address : address.with_port(port);
}

}  // namespace

Probe::Probe(net::Loop& loop, ProbeOwner& owner, std::shared_ptr<Endpoint> endpoint)
    : loop_(loop),
      owner_(owner),
      endpoint_(std::move(endpoint)),
      due_(&Probe::on_due, this),
      overdue_(&Probe::on_overdue, this),
      random_(std::random_device{}()) {}

Probe::~Probe() = default;

void Probe::configure(std::shared_ptr<const CheckPlan> plan, bool fresh) {
  const bool sooner = plan_ != nullptr && plan->rules.interval < plan_->rules.interval;
  plan_ = std::move(plan);
  verdict_.configure(plan_->rules.rise, plan_->rules.fall);
  if (verdict_.now() == Verdict::Now::unknown) {
    Condition& condition = endpoint_->condition();
    if (fresh) {
      condition.set_up(plan_->rules.starts_up, loop_.now());
    } else if (condition.up()) {
      verdict_.presume_up();
    }
  }
  if (sooner && due_.armed()) schedule();
}

void Probe::start(Nanos delay) { due_.arm(loop_, loop_.now() + delay); }

void Probe::stop() {
  stopped_ = true;
  due_.disarm();
  if (channel_ != nullptr) channel_->http().cancel(ErrorKind::cancelled);
  if (target_ != nullptr) {
    owner_.connections().give_up(*target_);
    owner_.connections().retire(*target_, 0);
  }
  endpoint_->condition().set_up(true, loop_.now());
  first_round_over();
}

void Probe::first_round_over() {
  if (first_) owner_.first_done();
  first_ = false;
}

void Probe::on_due(void* self) {
  auto& probe = *static_cast<Probe*>(self);
  if (probe.endpoint_->condition().duty() != Duty::maintenance)
    return (void)probe.run(probe.shared_from_this());
  probe.first_round_over();
  // To be asked soon after it is ready again, whatever the interval.
  probe.start(std::min(probe.plan_->rules.interval, kMaintenanceLook));
}

void Probe::on_overdue(void* self) {
  auto& probe = *static_cast<Probe*>(self);
  probe.late_ = true;
  // Not `timed_out`: that would be taken for the end of one wait.
  if (probe.channel_ != nullptr) probe.channel_->http().cancel(ErrorKind::cancelled);
}

Detached Probe::run(std::shared_ptr<Probe> /*self*/) {
  owner_.began();
  const Nanos began = loop_.now();
  late_ = inconclusive_ = false;
  limit_ = began + plan_->rules.timeout;
  overdue_.arm(loop_, limit_);
  std::string reason = co_await ask_all();
  overdue_.disarm();
  if (!stopped_) {
    conclude(std::move(reason), loop_.now() - began);
    schedule();
  }
  owner_.ended();
}

Task<std::string> Probe::ask_all() {
  // A reload may replace it meanwhile.
  const std::shared_ptr<const CheckPlan> plan = plan_;
  // Its own, also where two servers are checked at one port: what ends the checks of one must not end the
  // other's.
  target_ =
      owner_.targets().get(fmt::format("{} {}", endpoint_->pool(), endpoint_->id()),
                           at_port(endpoint_->address(), plan->rules.port), endpoint_->host(), plan->wire);
  owner_.connections().keep(*target_);
  if (plan->tenants.empty()) co_return co_await ask(*plan, nullptr, true);
  for (const CheckPlan::As& as : plan->tenants) {
    const std::string reason = co_await ask(*plan, &as, &as == &plan->tenants.back());
    if (!reason.empty()) co_return fmt::format("as tenant {}: {}", as.tenant, reason);
  }
  co_return std::string();
}

Task<std::string> Probe::ask(const CheckPlan& plan, const CheckPlan::As* as, bool last) {
  while (!stopped_) {
    std::string why;
    auto channel = co_await reach(plan, why);
    if (channel == nullptr || plan.rules.type == CheckType::tcp) co_return why;
    channel_ = channel.get();
    std::optional<std::string> reason = co_await request(plan, *channel, as);
    channel_ = nullptr;
    if (!reason || !reason->empty()) renew_ = 0;  // the next one is to find its own way to the server
    const Nanos next = loop_.now() + (last ? plan.rules.interval : 0);
    // Before what it read into.
    owner_.connections().give_back(std::move(channel), next < renew_ ? renew_ - loop_.now() : 0);
    exchange_.reset();
    if (reason) co_return std::move(*reason);
  }
  co_return std::string();
}

Task<std::unique_ptr<Channel>> Probe::reach(const CheckPlan& plan, std::string& why) {
  if (plan.rules.type != CheckType::tcp && loop_.now() < renew_) {
    if (auto kept = owner_.connections().take(*target_, true)) co_return kept;
  }
  const Nanos left = limit_ - loop_.now();
  Error error;
  auto channel = co_await owner_.connections().open(target_, {left, left, kRenew}, error);
  if (late_) {
    why = "no connection in time";
  } else if (channel == nullptr) {
    inconclusive_ = !blames_server(error);
    why = in_words(error);
  }
  if (late_ || stopped_) co_return nullptr;
  renew_ = loop_.now() + kRenew;
  co_return channel;
}

Task<std::optional<std::string>> Probe::request(const CheckPlan& plan, Channel& channel,
                                                const CheckPlan::As* as) {
  Nobody nobody;
  exchange_ = std::make_unique<http::Exchange>();
  exchange_->downstream = &nobody;
  fill_in(plan, as);
  const Nanos timeout = plan.rules.timeout;
  http::Upstream& peer = channel.http();
  peer.begin({timeout, timeout});
  Error error = co_await peer.send(*exchange_, endpoint_->default_host());
  // A failed write is not the last word: a server may answer and close.
  error = co_await peer.receive(*exchange_);
  if (late_) co_return "no answer in time";
  const bool ended =
      error.kind == ErrorKind::closed || error.kind == ErrorKind::reset || error.kind == ErrorKind::refused;
  if (ended && channel.reused() && !peer.heard()) co_return std::nullopt;
  if (error) co_return in_words(error);
  std::string body;
  const BodyEnd end = co_await read_body(body);
  if (late_) co_return "the answer did not end in time";
  if (end == BodyEnd::broken) co_return "the answer broke off";
  co_return plan.expectation->judge(exchange_->response.status, body, end == BodyEnd::whole,
                                    as != nullptr ? std::string_view(as->tenant) : std::string_view());
}

// As much as is looked at.
Task<Probe::BodyEnd> Probe::read_body(std::string& body) {
  http::BodySource* const source = exchange_->response_body;
  if (source == nullptr) co_return BodyEnd::whole;
  for (;;) {
    std::string_view piece;
    const http::BodyStep step = source->poll(piece);
    if (step == http::BodyStep::end) co_return BodyEnd::whole;
    if (step == http::BodyStep::failed) co_return BodyEnd::broken;
    if (step == http::BodyStep::wait) co_await source->fill();
    if (step != http::BodyStep::data) continue;
    const std::size_t room = kMaxCheckedBody - body.size();
    body += piece.substr(0, room);
    if (piece.size() > room) co_return BodyEnd::cut;
    source->release();
  }
}

void Probe::fill_in(const CheckPlan& plan, const CheckPlan::As* as) {
  http::RequestHead& head = exchange_->request;
  Arena& arena = exchange_->arena;
  head.method_text = plan.rules.method;
  head.method = http::method_of(head.method_text);
  head.target = plan.rules.path;
  head.path = head.target.substr(0, head.target.find('?'));
  head.authority = plan.rules.host;
  if (head.authority.empty() && as != nullptr) head.authority = as->host;
  http::Fields& fields = head.fields;
  const std::string_view tenant = as != nullptr ? std::string_view(as->tenant) : std::string_view();
  if (as != nullptr && !plan.tenant_header.empty()) {
    fields.add(arena, plan.tenant_header, tenant, http::FieldId::other);
  }
  for (const auto& [name, value] : plan.rules.headers) {
    fields.add(arena, name, arena.copy(with_tenant(value, tenant)), http::field_id(name));
  }
  if (!fields.has(http::FieldId::user_agent)) {
    fields.add(arena, "User-Agent", "sluice-check", http::FieldId::user_agent);
  }
  if (!fields.has(http::FieldId::accept)) fields.add(arena, "Accept", "*/*", http::FieldId::accept);
}

void Probe::conclude(std::string reason, Nanos took) {
  const bool passed = reason.empty();
  const bool known = verdict_.now() != Verdict::Now::unknown;
  Condition& condition = endpoint_->condition();
  if (!inconclusive_ && verdict_.add(passed)) {
    condition.set_up(passed, loop_.now());
    if (passed) condition.end_ejection(loop_.now());
    if (!passed) {
      endpoint_->told_down().tell(observe::LogLevel::warn, loop_.now(), kDown, endpoint_->pool(),
                                  endpoint_->name(), reason);
    } else if (known) {
      endpoint_->told_down().over("pool {}: server {} is up", endpoint_->pool(), endpoint_->name());
    }
  } else if (!passed && verdict_.now() == Verdict::Now::down) {
    endpoint_->told_down().remind(observe::LogLevel::warn, loop_.now(), kDown, endpoint_->pool(),
                                  endpoint_->name(), reason);
  }
  condition.report({passed, std::move(reason), unix_ms(), took, verdict_.streak()});
  first_round_over();
}

void Probe::schedule() {
  const double jitter = plan_->rules.jitter / 100;
  const double factor = std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random_);
  start(static_cast<Nanos>(static_cast<double>(plan_->rules.interval) * factor));
}

std::string Probe::in_words(const Error& error) const {
  if (error.cause != 0 && error.kind != ErrorKind::tls_failed) return std::strerror(error.cause);
  std::string out(to_string(error.kind));
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

}  // namespace sluice::upstream
