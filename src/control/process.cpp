#include "sluice/control/process.hpp"

#include "sluice/observe/log.hpp"

#include "control/admin.hpp"
#include "control/outcome_log.hpp"

#include <chrono>
#include <csignal>
#include <iostream>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kCertificateCheck = 20s;  // "within a minute", with room for a slow disk
constexpr auto kPoolCheck = 1s;
constexpr auto kLimitSweep = 10s;
constexpr auto kDrainPoll = 20ms;
constexpr auto kAbortTime = 2s;

// As many descriptors as the system lets us have: each client and each upstream connection is one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

class Process {
 public:
  Process(Source source, server::InheritedSockets inherited)
      : steering_(std::move(source), std::move(inherited)) {
    signals_.add(SIGUSR1);
    signals_.add(SIGUSR2);
  }

  int run() {
    (void)std::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    wait_for_signals();
    steering_.start([this](const Outcome& outcome) {
      if (outcome.applied) addresses_ = steering_.addresses();
      asio::post(io_, [this, outcome] { started(outcome); });
    });
    io_.run();
    steering_.stop();
    if (exit_code_ == 0) observe::log_info("stopped");
    return exit_code_;
  }

 private:
  void started(const Outcome& outcome) {
    started_ = true;
    if (!outcome.applied) {
      if (!stopping_) fail(outcome);
      return io_.stop();
    }
    if (stopping_) return begin_drain();
    for (const config::Finding& warning : outcome.warnings)
      observe::log_warn("{}", config::text_of(warning));
    for (const SocketAddress& address : steering_.unclaimed())
      observe::log_warn("no listener has the address of the inherited socket {}", address.text());
    if (!start_admin()) return io_.stop();
    every(certificates_, kCertificateCheck, [this] { steering_.renew_certificates(); });
    every(pools_, kPoolCheck, [this] {
      steering_.look_after_pools();
      steering_.look_after_orders();
    });
    every(limits_, kLimitSweep, [this] { steering_.sweep_limits(); });
    every(tickets_, std::chrono::seconds(tls::TicketKeys::kLifetimeSeconds),
          [this] { steering_.rotate_ticket_keys(); });
    say_ready();
    if (reopen_later_) reopen();
    if (reload_later_) reload();
  }

  void fail(const Outcome& outcome) {
    exit_code_ = 1;
    if (observe::log_format() == observe::ProcessLogFormat::json) return log_failed_start(outcome);
    // As `check` says it: it is a person who starts by hand.
    observe::flush_log();
    std::cerr << config::render(outcome.errors);
  }

  bool start_admin() {
    const config::Located<std::string>& wanted = steering_.first_document().admin;
    const auto address = SocketAddress::parse(wanted.value);
    if (!address) return true;  // "off"
    admin_ = std::make_unique<Admin>(io_, steering_);
    const std::string error = admin_->listen(*address);
    if (error.empty()) return true;
    admin_.reset();
    if (wanted.at.line == 0) {
      // Nobody asked for it: started by hand there may be no such directory, or a service that has it.
      observe::log_warn("no admin address: {}; set \"admin\" to have one", error);
      return true;
    }
    config::Diagnostics diagnostics;
    diagnostics.add(wanted.at, "admin", error);
    Outcome outcome;
    outcome.errors = diagnostics.findings(config::Severity::error, steering_.first_document().files);
    fail(outcome);
    return false;
  }

  void say_ready() {
    std::string line = fmt::format("ready pid={}", ::getpid());
    for (const auto& bound : addresses_)
      line += fmt::format(" {}={}", bound.name, bound.address.text());
    if (admin_ != nullptr) line += " admin=" + admin_->address();
    observe::log_info("{}", line);
    server::notify_service_manager("READY=1");
  }

  void wait_for_signals() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      switch (number) {
        case SIGHUP: reload(); break;
        case SIGUSR1: reopen(); break;
        case SIGUSR2:
          observe::log_warn("USR2: handing over to a new binary is not supported by this version");
          break;
        default: stop(); break;
      }
      wait_for_signals();
    });
  }

  void reload() {
    if (started_) return steering_.reload([](const Outcome&) {});
    reload_later_ = true;  // the start under way may have read the file already
  }

  void reopen() {
    if (started_) return steering_.reopen_logs();
    reopen_later_ = true;  // the start under way may have opened it already
  }

  template <class F>
  void every(asio::steady_timer& timer, std::chrono::seconds period, F work) {
    timer.expires_after(period);
    timer.async_wait([this, &timer, period, work](const boost::system::error_code& error) {
      if (error) return;
      work();
      every(timer, period, work);
    });
  }

  // The first call drains; a second one, from somebody impatient, cuts.
  void stop() {
    if (std::exchange(stopping_, true)) {
      impatient_ = true;
      deadline_ = std::chrono::steady_clock::now();
      return;
    }
    if (started_) return begin_drain();
    steering_.give_up();  // the rest when its outcome is known
  }

  void begin_drain() {
    observe::log_info("stopping: draining for at most {} ms",
                      std::chrono::duration_cast<std::chrono::milliseconds>(steering_.drain_time()).count());
    server::notify_service_manager("STOPPING=1");
    deadline_ = std::chrono::steady_clock::now();
    if (!impatient_)
      deadline_ += std::chrono::duration_cast<std::chrono::milliseconds>(steering_.drain_time());
    steering_.drain();
    poll_drain();
  }

  void poll_drain() {
    drain_.expires_after(kDrainPoll);
    drain_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      const auto now = std::chrono::steady_clock::now();
      if (steering_.open_connections() == 0 || (aborted_ && now >= deadline_)) return io_.stop();
      if (!aborted_ && now >= deadline_) {
        observe::log_warn("drain time is over: cutting {} connections", steering_.open_connections());
        aborted_ = true;
        deadline_ = now + kAbortTime;
        steering_.abort();
      }
      poll_drain();
    });
  }

  asio::io_context io_{1};
  Steering steering_;
  std::unique_ptr<Admin> admin_;
  asio::signal_set signals_{io_, SIGHUP, SIGTERM, SIGINT};
  asio::steady_timer certificates_{io_};
  asio::steady_timer pools_{io_};
  asio::steady_timer limits_{io_};
  asio::steady_timer tickets_{io_};
  asio::steady_timer drain_{io_};
  std::vector<server::BoundAddress> addresses_;  // written before started()
  std::chrono::steady_clock::time_point deadline_;
  int exit_code_ = 0;
  bool started_ = false;
  bool reload_later_ = false;
  bool reopen_later_ = false;
  bool stopping_ = false;
  bool impatient_ = false;  // asked to stop twice
  bool aborted_ = false;
};

}  // namespace

int run(Source source) {
  // First of all: see from_environment().
  server::InheritedSockets inherited = server::InheritedSockets::from_environment();
  const int code = Process(std::move(source), std::move(inherited)).run();
  observe::flush_log();
  return code;
}

}  // namespace sluice::control
