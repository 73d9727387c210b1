#include "control/orders.hpp"

#include "sluice/control/reason.hpp"
#include "sluice/observe/log.hpp"

#include "control/tenants.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

namespace sluice::control {
namespace {

constexpr std::string_view kNotKept = "not kept over a restart: no state directory";

// Where the document names none, a service has one of systemd's; of several, the first.
std::string directory_of(const config::Document& document) {
  if (document.state) return document.state->value;
  const char* const service = std::getenv("STATE_DIRECTORY");
  const std::string_view all = service != nullptr ? service : "";
  return std::string(all.substr(0, all.find(':')));
}

config::Position place_of(const config::Document& document) {
  return document.state ? document.state->at : config::Position();
}

Kept kept_of(const limits::Holds& holds, const std::vector<limits::Ban>& bans) {
  Kept out;
  for (const auto& [tenant, hold] : holds)
    out.holds.push_back({tenant, unix_of(hold.until), hold.reason});
  std::sort(out.holds.begin(), out.holds.end(),
            [](const Kept::Hold& a, const Kept::Hold& b) { return a.tenant < b.tenant; });
  for (const limits::Ban& ban : bans)
    out.bans.push_back({ban.block, ban.tenant, unix_of(ban.since), unix_of(ban.until), ban.reason});
  return out;
}

std::string because(const std::string& reason) {
  return reason.empty() ? std::string() : fmt::format(": {}", reason);
}

std::string for_whom(const std::string& tenant) {
  return tenant.empty() ? "all tenants" : fmt::format("tenant {}", tenant);
}

// Whether that block is `ban`'s, for the same requests.
auto same_as(const limits::Ban& ban) {
  return [&ban](const limits::Ban& other) { return other.block == ban.block && other.tenant == ban.tenant; };
}

// Whoever gives an order again to change its end most likely means it for the reason of before.
void take_reason(const Order& order, const std::string* before, OrderOutcome& outcome) {
  outcome.reason_kept = order.reason.empty() && before != nullptr && !before->empty();
  outcome.reason = outcome.reason_kept ? *before : order.reason;
}

// A block that nobody was given alone: most likely its length is mistyped.
bool is_wide(const AddressBlock& block) {
  constexpr unsigned kMapped = 96;
  constexpr unsigned kNarrowest = 8;
  return block.bits < kNarrowest + (block.bits >= kMapped && block.address.is_v4() ? kMapped : 0);
}

// What somebody may mean who lifts a ban that there is not.
std::string where_else(const AddressBlock& block, const std::vector<limits::Ban>& bans) {
  for (const limits::Ban& ban : bans) {
    if (ban.block == block) return fmt::format("there is one for {}", for_whom(ban.tenant));
  }
  for (const limits::Ban& ban : bans) {
    if (ban.block.overlaps(block))
      return fmt::format("there is one of {} for {}", ban.block.text(), for_whom(ban.tenant));
  }
  return "see: sluice ban list";
}

OrderOutcome refused(unsigned status, std::string error, std::string hint = {}) {
  OrderOutcome out;
  out.status = status;
  out.error = std::move(error);
  out.hint = std::move(hint);
  return out;
}

}  // namespace

Orders::Orders(limits::Bans& bans) : bans_(bans) {}

void Orders::begin(const config::Document& document, config::Diagnostics& diagnostics) {
  file_ = StateFile(directory_of(document));
  if (std::string taken = file_.claim(); !taken.empty())
    return diagnostics.add(place_of(document), "state", std::move(taken));
  // Of a directory that the document names, its plan has said so.
  if (const std::string why = file_.unwritable(); !why.empty() && !document.state)
    observe::log_warn("{}", why);
  std::string warning;
  const Kept kept = file_.read(warning);
  if (!warning.empty()) observe::log_warn("{}", warning);
  const UnixMs now = unix_now();
  limits::Holds holds;
  for (const Kept::Hold& hold : kept.holds) {
    if (hold.until <= now) continue;
    holds[hold.tenant] = {steady_of(hold.until), hold.reason};
    observe::log_info("tenant {} is still on hold until {}{}", hold.tenant, moment_text(hold.until),
                      because(hold.reason));
  }
  set_holds(std::move(holds));
  for (const Kept::Ban& ban : kept.bans) {
    if (ban.until <= now) continue;
    bans_.add({.block = ban.block,
               .tenant = ban.tenant,
               .reason = ban.reason,
               .since = steady_of(ban.since),
               .until = steady_of(ban.until)});
  }
  // There may be thousands.
  if (bans_.any()) observe::log_info("bans by hand that still hold: {}", bans_.size());
}

void Orders::move(const config::Document& document, config::Diagnostics& diagnostics) {
  StateFile next(directory_of(document));
  if (file_.is_in(next.directory())) return;
  const auto warn = [&](std::string text) { diagnostics.warn(place_of(document), "state", std::move(text)); };
  std::string why = next.claim();
  std::string aside;
  if (why.empty()) aside = next.put_aside();
  if (why.empty()) why = next.write(kept_of(in_force(), bans_by_hand()));
  if (!aside.empty()) {
    warn(fmt::format("there are orders of another time in {}, which are not in force: moved to {}",
                     next.directory(), aside));
  }
  if (!why.empty()) {
    const std::string place = file_.none() ? "no file" : file_.directory();
    return warn(fmt::format("{}; what must survive a restart stays in {}", why, place));
  }
  file_ = std::move(next);
}

OrderOutcome Orders::obey(const Order& order, const plan::Plan& plan) {
  if (std::string unfit = unfit_reason(order.reason); !unfit.empty()) return refused(400, std::move(unfit));
  OrderOutcome out;
  switch (order.verb) {
    case Order::Verb::hold: out = hold(order, plan); break;
    case Order::Verb::release: out = release(order, plan); break;
    case Order::Verb::ban: out = ban(order, plan); break;
    case Order::Verb::lift: out = lift(order, plan); break;
  }
  const bool lasts = order.verb == Order::Verb::hold || order.verb == Order::Verb::ban;
  if (lasts && out.error.empty() && file_.none()) out.warnings.emplace_back(kNotKept);
  return out;
}

OrderOutcome Orders::hold(const Order& order, const plan::Plan& plan) {
  OrderOutcome out;
  if (!know_tenant(plan, order.tenant, out)) return out;
  limits::Holds next = in_force();
  const auto before = next.find(order.tenant);
  take_reason(order, before != next.end() ? &before->second.reason : nullptr, out);
  next[order.tenant] = {steady_of(order.until), out.reason};
  if (!keep(next, bans_by_hand(), out)) return out;
  set_holds(std::move(next));
  observe::log_info("tenant {} is put on hold by hand until {}{}", order.tenant, moment_text(order.until),
                    because(out.reason));
  return out;
}

OrderOutcome Orders::release(const Order& order, const plan::Plan& plan) {
  OrderOutcome out;
  limits::Holds next = in_force();
  if (next.erase(order.tenant) == 0) {
    if (!know_tenant(plan, order.tenant, out)) return out;
    return refused(404, fmt::format("tenant {} is not on hold", order.tenant), "see: sluice tenant list");
  }
  keep_less(next, bans_by_hand(), out);
  set_holds(std::move(next));
  observe::log_info("tenant {} is released by hand", order.tenant);
  return out;
}

OrderOutcome Orders::ban(const Order& order, const plan::Plan& plan) {
  OrderOutcome out;
  if (!order.tenant.empty() && !know_tenant(plan, order.tenant, out)) return out;
  // A proxy in front speaks for everybody: whoever bans it most likely means one of those.
  if (!order.force && plan.trusted_proxies().overlaps(order.block)) {
    return refused(409, fmt::format("{} is, or holds, a proxy that is trusted", order.block.text()),
                   "ban the client's own address; --force bans the proxy itself");
  }
  if (!order.force && is_wide(order.block)) {
    return refused(409, fmt::format("{} is a large part of all clients", order.block.text()),
                   "ban smaller blocks; --force bans this one");
  }
  limits::Ban made{
      .block = order.block, .tenant = order.tenant, .since = steady_now(), .until = steady_of(order.until)};
  std::vector<limits::Ban> next = bans_by_hand();
  const auto before = std::find_if(next.begin(), next.end(), same_as(made));
  take_reason(order, before != next.end() ? &before->reason : nullptr, out);
  made.reason = out.reason;
  if (before != next.end()) {
    made.since = before->since;
    next.erase(before);
  }
  if (next.size() >= limits::Bans::kMostByHand)
    return refused(409, fmt::format("there are {} bans by hand already", next.size()),
                   "lift some, or ban blocks");
  next.push_back(made);
  if (!keep(in_force(), next, out)) return out;
  bans_.add(made);
  observe::log_info("{} is banned by hand for {} until {}{}", order.block.text(), for_whom(order.tenant),
                    moment_text(order.until), because(out.reason));
  return out;
}

OrderOutcome Orders::lift(const Order& order, const plan::Plan& /*plan*/) {
  OrderOutcome out;
  const Nanos now = steady_now();
  const limits::Ban meant{.block = order.block, .tenant = order.tenant};
  const std::vector<limits::Ban> all = bans_.list(now);
  if (std::none_of(all.begin(), all.end(), same_as(meant))) {
    return refused(404,
                   fmt::format("there is no ban of {} for {}", order.block.text(), for_whom(order.tenant)),
                   where_else(order.block, all));
  }
  std::vector<limits::Ban> next = bans_by_hand();
  std::erase_if(next, same_as(meant));
  keep_less(in_force(), next, out);
  bans_.lift(meant.block, meant.tenant, now);
  observe::log_info("the ban of {} for {} is lifted by hand", order.block.text(), for_whom(order.tenant));
  return out;
}

bool Orders::expire(Nanos now) {
  if (holds_ == nullptr) return false;
  limits::Holds next = *holds_;
  std::erase_if(next, [&](const auto& item) {
    const bool over = item.second.until <= now;
    if (over) observe::log_info("tenant {} is on hold no more: its time is over", item.first);
    return over;
  });
  if (next.size() == holds_->size()) return false;
  set_holds(std::move(next));
  return true;
}

bool Orders::keep(const limits::Holds& holds, const std::vector<limits::Ban>& bans,
                  OrderOutcome& outcome) const {
  const std::string error = file_.write(kept_of(holds, bans));
  if (error.empty()) return true;
  outcome = refused(500, error, "nothing was changed");
  return false;
}

void Orders::keep_less(const limits::Holds& holds, const std::vector<limits::Ban>& bans,
                       OrderOutcome& outcome) const {
  const std::string error = file_.write(kept_of(holds, bans));
  if (error.empty()) return;
  outcome.warnings.push_back(error + "; a restart brings it back, unless a later order can be written");
  observe::log_warn("{}", outcome.warnings.back());
}

limits::Holds Orders::in_force() const { return holds_ != nullptr ? *holds_ : limits::Holds(); }

void Orders::set_holds(limits::Holds holds) {
  holds_ = holds.empty() ? nullptr : std::make_shared<const limits::Holds>(std::move(holds));
}

std::vector<limits::Ban> Orders::bans_by_hand() const {
  std::vector<limits::Ban> out = bans_.list(steady_now());
  std::erase_if(out, [](const limits::Ban& ban) { return !ban.by_hand(); });
  return out;
}

}  // namespace sluice::control
