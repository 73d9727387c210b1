#include "sluice/observe/counters.hpp"

#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice::observe;
using sluice::http::Abuse;

TEST_CASE("each reason and each log is counted by itself", "[observe][counters]") {
  const auto first = static_cast<Abuse>(0);
  const auto second = static_cast<Abuse>(1);
  const std::uint64_t one = counted(first);
  const std::uint64_t two = counted(second);
  count(first);
  count(first);
  CHECK(counted(first) == one + 2);
  CHECK(counted(second) == two);

  const std::uint64_t access = counted_lost(LogKind::access);
  const std::uint64_t process = counted_lost(LogKind::process);
  count_lost(LogKind::access, 5);
  CHECK(counted_lost(LogKind::access) == access + 5);
  CHECK(counted_lost(LogKind::process) == process);
}

TEST_CASE("threads that count at the same time lose nothing", "[observe][counters]") {
  const std::uint64_t before = counted_lost(LogKind::process);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 10'000; ++i)
        count_lost(LogKind::process, 1);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(counted_lost(LogKind::process) == before + 40'000);
}
