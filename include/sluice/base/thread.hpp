// Threads that serve the process from behind.
#pragma once

#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

namespace sluice {

// A thread that no signal reaches but those for its own faults: its system calls are not interrupted, and a
// pipe without a reader or a file that may not grow is an error to it instead of the end of the process.
// `name` is cut after 15 characters. Throws std::system_error where there can be no more threads.
template <class Body>
std::thread quiet_thread(std::string name, Body body) {
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT})
    sigdelset(&blocked, fault);
  // A thread begins with the signals of who makes it.
  struct Restore {
    const sigset_t& mask;
    ~Restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  };
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const Restore restore{before};
  std::thread thread(std::move(body));
  name.resize(std::min<std::size_t>(name.size(), 15));
  ::pthread_setname_np(thread.native_handle(), name.c_str());
  return thread;
}

}  // namespace sluice
