// Random operations on the ledger, and the same ones on a model so simple that it cannot be wrong.
#include "sluice/limits/ledger.hpp"

#include "unit/limits/keys.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::limits;
using namespace sluice::limits::testing;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr std::size_t kKeys = 700;

// Tokens in doubles, by key: fills as time passes.
class Model {
 public:
  double left(std::size_t key, const Terms& terms, Nanos now) {
    fill(key, terms, now);
    return tokens_[key];
  }
  void take(std::size_t key, std::uint64_t tokens) { tokens_[key] -= static_cast<double>(tokens); }
  void give_back(std::size_t key, std::uint64_t tokens) { tokens_[key] += static_cast<double>(tokens); }
  void set_terms(const Terms& before, const Terms& after, Nanos now) {
    for (auto& [key, there] : tokens_) {
      fill(key, before, now);
      there = std::max(there - static_cast<double>(before.burst) + static_cast<double>(after.burst), 0.0);
    }
  }
  void forget(std::size_t key) { tokens_.erase(key); }
  void forget_all() { tokens_.clear(); }

  static constexpr double kSlack = 1e-3;

 private:
  void fill(std::size_t key, const Terms& terms, Nanos now) {
    double& there = tokens_.try_emplace(key, static_cast<double>(terms.burst)).first->second;
    const Nanos since = std::exchange(seen_[key], now);
    if (since != 0) there += static_cast<double>(now - since) / terms.per_token;
    there = std::min(there, static_cast<double>(terms.burst));
  }

  std::map<std::size_t, double> tokens_;
  std::map<std::size_t, Nanos> seen_;
};

class Random {
 public:
  explicit Random(unsigned seed) : generator_(seed) {}
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(generator_);
  }

 private:
  std::mt19937 generator_;
};

Key numbered(std::size_t at) {
  // Every third one is a tenant's, and stays.
  return at % 3 == 0 ? bounded_key("standard", std::to_string(at)) : key_of("standard", std::to_string(at));
}

Terms some_terms(Random& random) {
  return Terms::of(1 + random.below(1000), kSecond * static_cast<Nanos>(1 + random.below(60)),
                   1 + random.below(50));
}

}  // namespace

TEST_CASE("the ledger counts as a model does", "[limits]") {
  const auto seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  Random random(seed);
  Ledger ledger;
  Model model;
  Terms terms = some_terms(random);
  Nanos now = kSecond;
  std::size_t passed = 0;
  for (int step = 0; step < 20'000; ++step) {
    CAPTURE(step);
    const std::size_t key = random.below(kKeys);
    now += static_cast<Nanos>(random.below(20'000'000));
    const std::size_t what = random.below(1000);
    if (what < 950) {
      const std::uint64_t tokens = 1 + random.below(terms.burst);
      const double left = model.left(key, terms, now);
      const double beyond = left - static_cast<double>(tokens);
      const Ledger::Taken taken = ledger.take(numbered(key), terms, tokens, now);
      if (std::abs(beyond) > Model::kSlack) REQUIRE(taken.passed == (beyond >= 0));
      if (taken.passed) model.take(key, tokens);
      REQUIRE(std::abs(taken.left - (taken.passed ? beyond : left)) < Model::kSlack);
      passed += taken.passed ? 1 : 0;
      if (taken.passed && random.below(4) == 0) {
        ledger.give_back(numbered(key), terms, tokens);
        model.give_back(key, tokens);
      }
    } else if (what < 990) {
      ledger.sweep(now);
    } else if (what < 998) {
      const Terms next = some_terms(random);
      ledger.change({.limits = {{tag_of("standard"), next}}}, now);
      model.set_terms(terms, next, now);
      terms = next;
    } else {
      ledger.change({.limits_gone = {tag_of("standard")}}, now);
      model.forget_all();
    }
  }
  CHECK(passed > 1000);
  CHECK(ledger.size() <= kKeys);
  CHECK(ledger.evicted() == 0);
  ledger.sweep(now + 24 * 3600 * kSecond);
  CHECK(ledger.size() == 0);
}

TEST_CASE("with little room, bounded buckets are exact and the others never stricter", "[limits]") {
  const auto seed = GENERATE(range(1U, 5U));
  CAPTURE(seed);
  Random random(seed);
  Ledger ledger;
  Model model;
  const Terms terms = Terms::of(5, kSecond, 20);
  Nanos now = kSecond;
  std::size_t most = 400;
  ledger.set_most(most);
  for (int step = 0; step < 20'000; ++step) {
    CAPTURE(step, most);
    now += static_cast<Nanos>(random.below(2'000'000));
    if (step % 2'500 == 2'499) {
      most /= 2;
      ledger.set_most(most);
      ledger.sweep(now);
      ledger.sweep(now);
      CHECK(ledger.size() <= most + kKeys / 3 + 1);
    }
    const std::size_t key = random.below(kKeys);
    const double left = model.left(key, terms, now);
    const Ledger::Taken taken = ledger.take(numbered(key), terms, 1, now);
    if (key % 3 == 0 && std::abs(left - 1) > Model::kSlack) REQUIRE(taken.passed == (left >= 1));
    if (left > 1 + Model::kSlack) REQUIRE(taken.passed);
    const bool anew = taken.left > left + 0.5;  // it was forgotten, and began full
    if (anew) model.forget(key);
    if (anew) model.left(key, terms, now);
    if (taken.passed) model.take(key, 1);
  }
  CHECK(ledger.evicted() > 0);
}

TEST_CASE("counts come and go as in a model", "[limits]") {
  Random random(7);
  Ledger ledger;
  ledger.set_most(1);  // they need no room
  std::map<std::size_t, std::uint32_t> model;
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t key = random.below(kKeys);
    if (random.below(2) == 0) {
      const Ledger::Entered entered = ledger.enter(numbered(key), 3);
      REQUIRE(entered.passed == (model[key] < 3));
      if (entered.passed) ++model[key];
      REQUIRE(entered.inside == model[key]);
    } else if (model[key] > 0) {
      ledger.leave(numbered(key));
      --model[key];
    }
    if (random.below(2000) == 0) ledger.change({.limits_gone = {tag_of("standard")}}, 1);
  }
  const auto inside =
      std::count_if(model.begin(), model.end(), [](const auto& at) { return at.second != 0; });
  CHECK(ledger.size() == static_cast<std::size_t>(inside));
  for (const auto& [key, count] : model) {
    for (std::uint32_t i = 0; i < count; ++i)
      ledger.leave(numbered(key));
  }
  CHECK(ledger.size() == 0);
}
