#include "sluice/control/steering.hpp"

#include "sluice/base/file_error.hpp"
#include "sluice/observe/log.hpp"

#include "control/groups.hpp"
#include "control/names.hpp"
#include "control/orders.hpp"
#include "control/outcome_log.hpp"
#include "control/own_file.hpp"
#include "control/settings.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <future>
#include <malloc.h>
#include <sched.h>
#include <set>
#include <sys/resource.h>
#include <unistd.h>
#include <unordered_set>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace sluice::control {
namespace {

constexpr int kNice = 10;
constexpr std::chrono::seconds kFirstChecks{3};
constexpr std::chrono::seconds kFirstAnswers{3};
constexpr const char* kStopping = "the process is stopping";

// Cores this process may run on.
unsigned usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

template <class F>
void for_each_server(const proxy::Runtime& runtime, F&& f) {
  for (const auto& group : runtime.groups) {
    for (const upstream::Member& member : group->members())
      f(*member.endpoint);
  }
}

std::string key_of(const upstream::Endpoint& server) {
  return upstream::server_key(server.pool(), server.name());
}

bool checks(const proxy::Runtime& runtime) {
  const auto& pools = runtime.plan->pools();
  return std::any_of(pools.begin(), pools.end(),
                     [](const plan::Pool& pool) { return pool.checks != nullptr; });
}

// `serving`: which servers get requests already.
void add_watched(const proxy::Runtime& runtime, const std::unordered_set<std::string>& serving,
                 std::vector<upstream::Watched>& out) {
  for (std::size_t pool = 0; pool < runtime.groups.size(); ++pool) {
    const auto& checks = runtime.plan->pools()[pool].checks;
    if (checks == nullptr) continue;
    for (const upstream::Member& member : runtime.groups[pool]->members())
      out.push_back({member.endpoint, checks, !serving.contains(key_of(*member.endpoint))});
  }
}

// Takes a runtime apart, and gives its memory back to the system: reload after reload must not add up.
void give_back(std::shared_ptr<const proxy::Runtime>& runtime) {
  const bool last = runtime.use_count() == 1;  // each worker gives back its own reference
  runtime.reset();
  if (last) ::malloc_trim(0);
}

}  // namespace

struct Steering::Thread {
  boost::asio::thread_pool pool{1};
  // A thread begins as nice as the one that makes it, and cannot become less so: the writers of logs are made
  // by this one, which stays as it is.
  boost::asio::thread_pool opener{1};
};

Steering::Steering(Source source, server::InheritedSockets inherited)
    : source_(std::move(source)), inherited_(std::move(inherited)), thread_(std::make_unique<Thread>()) {
  names_ = std::make_unique<Names>([this] {
    if (!names_changed_.exchange(true)) later([this] { take_names(); });
  });
  orders_ = std::make_unique<Orders>(limits_.bans);
  limits_.bans.on_ban([this](const limits::Ban& ban) { tell(ban); });
}

Steering::~Steering() {
  give_up();
  thread_->pool.join();
  server_.reset();
}

void Steering::later(std::function<void()> work, std::function<void(const std::string&)> failed) {
  boost::asio::post(thread_->pool, [this, work = std::move(work), failed = std::move(failed)] {
    try {
      work();
    } catch (const std::exception& error) {
      // What runs goes on. Most likely memory was short for something new.
      if (failed) return failed(error.what());
      told_trouble_.tell(observe::LogLevel::error, steady_now(), "steering: {}", error.what());
    }
  });
}

unsigned Steering::worker_count(const config::Document& document) const {
  return document.workers != 0 ? document.workers : usable_cores();
}

void Steering::start(std::function<void(const Outcome&)> done) {
  apply_later(std::move(done));
  // Building a plan is work for a whole core; where workers need that core, they come first. Not before they
  // are there: a thread begins as nice as the one that made it.
  later([] { ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice); });
}

std::vector<server::BoundAddress> Steering::addresses() const { return server_->addresses(); }

Outcome Steering::refused(std::string why) const {
  Outcome outcome;
  outcome.generation = generation();
  outcome.file = source_.file;
  outcome.errors.push_back(config::finding(config::Severity::error, std::move(why)));
  return outcome;
}

void Steering::apply_later(const std::function<void(const Outcome&)>& done, std::string meant) {
  later(
      [this, done, meant = std::move(meant)] {
        if (const std::string why = mistaken(meant, source_.file); !why.empty()) return done(refused(why));
        done(apply());
      },
      [this, done](const std::string& why) {
        watch_names();
        watch_checks();
        done(refused("cannot be applied: " + why));
      });
}

// Loads the source and makes it what runs; the first time, makes the server too.
Outcome Steering::apply() {
  config::Diagnostics diagnostics;
  if (draining()) return refused(kStopping);
  auto document = std::make_shared<config::Document>(source_.load(diagnostics));
  if (runtime_ == nullptr) observe::set_log_format(process_format_of(document->log.process));
  const plan::Plan* previous = runtime_ != nullptr ? runtime_->plan.get() : nullptr;
  const auto plan = plan::Plan::build(document, previous, tickets_, diagnostics);
  Outcome outcome;
  // What was ordered before the start is in force before the first request.
  if (plan != nullptr && server_ == nullptr) orders_->begin(*document, diagnostics);
  if (plan != nullptr && !diagnostics.failed()) {
    if (server_ == nullptr) {
      first_document_ = document;
      // A runtime may hold ten thousand tenants: it is taken apart here, not between two requests.
      server_ =
          std::make_unique<server::Server>(worker_count(*document), limits_, std::move(inherited_),
                                           [this](std::shared_ptr<const proxy::Runtime> old) {
                                             later([old = std::move(old)]() mutable { give_back(old); });
                                           });
    }
    look_up_names(*plan);
    if (draining()) return refused(kStopping);
    outcome = publish(plan, diagnostics, true);
    if (outcome.applied) orders_->move(*document, diagnostics);
    watch_names();
  }
  outcome.generation = generation();
  outcome.file = source_.file;
  outcome.errors = diagnostics.findings(config::Severity::error, document->files);
  outcome.warnings = diagnostics.findings(config::Severity::warning, document->files);
  if (outcome.applied) warn_about_restart(*document, outcome);
  return outcome;
}

void Steering::warn_about_restart(const config::Document& document, Outcome& outcome) const {
  config::Diagnostics later;
  if (worker_count(document) != server_->workers()) {
    later.warn(document.workers_at, "workers", "the new number takes effect at the next start");
  }
  if (document.admin.value != first_document_->admin.value) {
    later.warn(document.admin.at, "admin", "the new address takes effect at the next start");
  }
  for (config::Finding& warning : later.findings(config::Severity::warning, document.files))
    outcome.warnings.push_back(std::move(warning));
}

Outcome Steering::publish(std::shared_ptr<const plan::Plan> plan, config::Diagnostics& diagnostics,
                          bool new_generation) {
  auto runtime = std::make_shared<proxy::Runtime>();
  runtime->generation = generation() + (new_generation ? 1 : 0);
  runtime->access = access(*plan, diagnostics);
  runtime->groups = make_groups(*plan, *names_, registry_, {});
  runtime->holds = orders_->holds();
  runtime->plan = std::move(plan);
  Outcome outcome;
  const auto before = runtime_;
  if (diagnostics.failed() || !hand_out(runtime, diagnostics)) return outcome;
  change_limits(before.get());
  observe::set_log_level(level_of(runtime->plan->document().log.level));
  observe::set_log_format(process_format_of(runtime->plan->document().log.process));
  generation_ = runtime->generation;
  drain_ = runtime->plan->drain();
  limits_.bans.spare(runtime->plan->trusted_proxies());
  store_.use(store_settings(runtime->plan->document().limit_store));
  outcome.applied = true;
  outcome.generation = runtime->generation;
  return outcome;
}

bool Steering::give_to_workers(const std::shared_ptr<const proxy::Runtime>& runtime,
                               config::Diagnostics& diagnostics) {
  if (!server_->publish(runtime, diagnostics)) return false;
  const std::lock_guard lock(runtime_mutex_);
  runtime_ = runtime;
  return true;
}

observe::OffloadSample Steering::offload() const {
  return {server_->offload().depth(), server_->offload().rejected()};
}

observe::StoreSample Steering::store() const {
  const store::Client::Sample sample = store_.sample();
  return {sample.configured, sample.up, sample.nodes, sample.leases, sample.errors};
}

std::shared_ptr<const proxy::Runtime> Steering::runtime() const {
  const std::lock_guard lock(runtime_mutex_);
  return runtime_;
}

// Makes it what runs. New servers are checked before they can get a request, if that does not take long, and
// old ones as long as they can get any.
bool Steering::hand_out(const std::shared_ptr<const proxy::Runtime>& runtime,
                        config::Diagnostics& diagnostics) {
  if (!checks(*runtime) && (runtime_ == nullptr || !checks(*runtime_))) {
    return give_to_workers(runtime, diagnostics);
  }
  std::unordered_set<std::string> serving;
  std::vector<upstream::Watched> watched;
  if (runtime_ != nullptr) {
    for_each_server(*runtime_, [&](const upstream::Endpoint& server) { serving.insert(key_of(server)); });
  }
  add_watched(*runtime, serving, watched);
  const bool fresh = std::any_of(watched.begin(), watched.end(), [](const auto& item) { return item.fresh; });
  if (runtime_ != nullptr) add_watched(*runtime_, serving, watched);
  checker_.watch(watched);
  if (fresh) checker_.wait_for_first(kFirstChecks);
  const bool published = give_to_workers(runtime, diagnostics);
  watched.clear();
  if (runtime_ != nullptr) add_watched(*runtime_, serving, watched);
  checker_.watch(watched);
  return published;
}

observe::AccessSpec Steering::access(const plan::Plan& plan, config::Diagnostics& diagnostics) {
  const config::Log& log = plan.document().log;
  observe::AccessSpec out{nullptr, format_of(log.format), log.query};
  if (log.access == "off") return out;
  const bool kept = runtime_ != nullptr && log.access == runtime_->plan->document().log.access;
  if (kept) out.file = runtime_->access.file;
  int error = 0;
  if (out.file == nullptr) {
    std::packaged_task<void()> open([&] {
      out.file = observe::AccessFile::open(log.access);
      error = errno;
    });
    boost::asio::post(thread_->opener, [&] { open(); });
    open.get_future().get();
  }
  if (out.file == nullptr) {
    diagnostics.add(log.access_at, "log.access", "cannot open " + log.access + ": " + file_error(error));
  }
  return out;
}

// The names of what runs stay known, in case the new plan comes to nothing.
void Steering::look_up_names(const plan::Plan& plan) {
  std::set<std::string> hosts;
  add_hosts(plan, hosts);
  if (runtime_ != nullptr) add_hosts(*runtime_->plan, hosts);
  names_->watch(name_settings(plan.document().resolver), hosts);
  names_->wait_for_first(kFirstAnswers);
}

void Steering::watch_names() {
  if (runtime_ == nullptr) return names_->watch({}, {});
  std::set<std::string> hosts;
  add_hosts(*runtime_->plan, hosts);
  names_->watch(name_settings(runtime_->plan->document().resolver), hosts);
}

void Steering::watch_checks() {
  std::unordered_set<std::string> serving;
  std::vector<upstream::Watched> watched;
  if (runtime_ != nullptr) {
    for_each_server(*runtime_, [&](const upstream::Endpoint& server) { serving.insert(key_of(server)); });
    add_watched(*runtime_, serving, watched);
  }
  checker_.watch(watched);
}

void Steering::take_names() {
  names_changed_ = false;
  if (draining() || runtime_ == nullptr) return;
  auto groups = make_groups(*runtime_->plan, *names_, registry_, runtime_->groups);
  if (groups == runtime_->groups) return;
  auto runtime = std::make_shared<proxy::Runtime>(*runtime_);
  runtime->groups = std::move(groups);
  config::Diagnostics diagnostics;
  if (!hand_out(runtime, diagnostics)) return;
  told_names_.tell(observe::LogLevel::info, steady_now(), "upstream names resolved to new addresses");
}

void Steering::reload(std::function<void(const Outcome&)> done, std::string meant) {
  later([] { server::notify_service_manager("RELOADING=1"); });
  apply_later(
      [done = std::move(done)](const Outcome& outcome) {
        server::notify_service_manager("READY=1");
        log_reload(outcome);
        done(outcome);
      },
      std::move(meant));
}

void Steering::renew_certificates() {
  later([this] {
    if (draining() || !runtime_->plan->certificates_changed()) return;
    config::Diagnostics diagnostics;
    // The document that runs, not the file: an edit somebody is still making must not slip in here.
    const auto plan =
        plan::Plan::build(runtime_->plan->shared_document(), runtime_->plan.get(), tickets_, diagnostics);
    if (plan != nullptr && publish(plan, diagnostics, false).applied) {
      renewal_error_.clear();
      observe::log_info("certificates renewed");
      return;
    }
    const auto& files = runtime_->plan->document().files;
    const std::string error = diagnostics.render(files);
    if (error != renewal_error_) log_renewal(diagnostics.findings(config::Severity::error, files));
    renewal_error_ = error;
  });
}

void Steering::look_after_pools() {
  const auto current = runtime();
  const Nanos now = steady_now();
  for (const auto& group : current->groups) {
    group->panics(now);
    group->state()->remind_of_panic();
  }
}

void Steering::rotate_ticket_keys() { tickets_->rotate(); }

void Steering::reopen_logs() {
  later([this] {
    const auto& file = runtime_->access.file;
    if (file == nullptr || file->reopen()) return;
    observe::log_error("cannot reopen {}: {}", runtime_->plan->document().log.access, std::strerror(errno));
  });
}

void Steering::give_up() {
  draining_ = true;
  names_->give_up();
  checker_.give_up();
}

void Steering::drain() {
  give_up();
  server_->drain();  // not behind a reload that is under way
}

void Steering::abort() { server_->abort(); }

void Steering::stop() {
  give_up();
  later([this] {
    if (server_ != nullptr) server_->stop();
    if (runtime_ != nullptr && runtime_->access.file != nullptr) runtime_->access.file->close();
  });
  thread_->pool.join();
}

}  // namespace sluice::control
