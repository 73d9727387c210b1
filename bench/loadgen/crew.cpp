#include "loadgen/crew.hpp"

#include <csignal>

namespace sluice::bench {

Crew::Crew(std::deque<Worker>& workers, const std::function<void(Worker&)>& work)
    : meters_(workers.size()),
      errors_(workers.size()),
      running_(static_cast<std::ptrdiff_t>(workers.size())) {
  // What is blocked when a thread starts stays blocked in it.
  sigset_t ends;
  sigset_t before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, &before);
  for (std::size_t place = 0; place < workers.size(); ++place) {
    members_.emplace_back([this, place, &worker = workers[place], work] {
      meters_[place].attach();
      running_.count_down();
      try {
        work(worker);
      } catch (...) {
        errors_[place] = std::current_exception();
      }
      dismissed_.wait();
    });
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_.wait();
}

Crew::~Crew() {
  if (!is_dismissed_) dismissed_.count_down();
  for (auto& member : members_)
    if (member.joinable()) member.join();
}

void Crew::finish() {
  dismissed_.count_down();
  is_dismissed_ = true;
  for (auto& member : members_)
    member.join();
  for (const auto& error : errors_)
    if (error) std::rethrow_exception(error);
}

}  // namespace sluice::bench
