// Steering with a source that is made up here: no file, no signal, no admin address.
#include "sluice/control/steering.hpp"

#include <functional>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

const std::string kGood =
    "version: 1\nworkers: 1\nlisteners: { http: \"127.0.0.1:0\" }\nadmin: off\n"
    "pools: { app: { servers: [\"127.0.0.1:1\"] } }\nroutes: [{ pool: app }]\n";

// Does what it is told for the next configuration.
struct Script {
  std::string text = kGood;
  std::function<void()> before = [] {};

  Source source() {
    return {[this](config::Diagnostics& out) {
              before();
              return config::load_text(text, "t.yaml", "/", out);
            },
            "/t.yaml"};
  }
};

template <class Call>
Outcome outcome_of(Call call) {
  std::promise<Outcome> promise;
  call([&](const Outcome& outcome) { promise.set_value(outcome); });
  return promise.get_future().get();
}

Outcome start(Steering& steering) {
  return outcome_of([&](auto done) { steering.start(done); });
}

Outcome reload(Steering& steering) {
  return outcome_of([&](auto done) { steering.reload(done); });
}

bool set_duty(Steering& steering, const std::string& pool, const std::string& server) {
  std::promise<bool> promise;
  steering.set_duty(pool, server, upstream::Duty::drain,
                    [&](const DutyOutcome& outcome) { promise.set_value(outcome.error.empty()); });
  return promise.get_future().get();
}

}  // namespace

TEST_CASE("a start and a reload are applied, each a generation of its own", "[control][steering]") {
  Script script;
  Steering steering(script.source(), {});
  const Outcome first = start(steering);
  CHECK(first.applied);
  CHECK(first.generation == 1);
  REQUIRE(steering.addresses().size() == 1);
  const std::string address = steering.addresses()[0].address.text();
  const Outcome second = reload(steering);
  CHECK(second.applied);
  CHECK(second.generation == 2);
  CHECK(steering.addresses()[0].address.text() == address);
  steering.stop();
}

TEST_CASE("errors of the configuration are an answer", "[control][steering]") {
  Script script;
  script.text = "version: 1\n";
  Steering steering(script.source(), {});
  const Outcome outcome = start(steering);
  CHECK_FALSE(outcome.applied);
  CHECK(config::render(outcome.errors).find("t.yaml:1:1: the key \"listeners\" is missing") !=
        std::string::npos);
  steering.stop();
}

TEST_CASE("what a reload throws refuses it, and what runs goes on", "[control][steering]") {
  Script script;
  Steering steering(script.source(), {});
  REQUIRE(start(steering).applied);
  const auto running = steering.runtime();
  SECTION("an error") {
    script.before = [] { throw std::runtime_error("the disk is on fire"); };
    const Outcome outcome = reload(steering);
    CHECK_FALSE(outcome.applied);
    CHECK(outcome.generation == 1);
    CHECK(config::render(outcome.errors) == "cannot be applied: the disk is on fire\n");
  }
  SECTION("no memory") {
    script.before = [] { throw std::bad_alloc(); };
    CHECK(config::render(reload(steering).errors) == "cannot be applied: std::bad_alloc\n");
  }
  CHECK(steering.runtime() == running);
  script.before = [] {};
  CHECK(reload(steering).generation == 2);
  steering.stop();
}

TEST_CASE("what a start throws is its error", "[control][steering]") {
  Script script;
  script.before = [] { throw std::bad_alloc(); };
  Steering steering(script.source(), {});
  CHECK(config::render(start(steering).errors) == "cannot be applied: std::bad_alloc\n");
  steering.stop();
}

TEST_CASE("nothing is applied once the process is stopping", "[control][steering]") {
  Script script;
  Steering steering(script.source(), {});
  REQUIRE(start(steering).applied);
  steering.drain();
  const Outcome outcome = reload(steering);
  CHECK_FALSE(outcome.applied);
  CHECK(config::render(outcome.errors) == "the process is stopping\n");
  steering.stop();
}

TEST_CASE("a server that does not run cannot be taken out", "[control][steering]") {
  Script script;
  Steering steering(script.source(), {});
  REQUIRE(start(steering).applied);
  CHECK(set_duty(steering, "app", "127.0.0.1:1"));
  CHECK_FALSE(set_duty(steering, "app", "127.0.0.1:2"));
  CHECK_FALSE(set_duty(steering, "other", "127.0.0.1:1"));
  steering.stop();
}

TEST_CASE("what needs a restart is said", "[control][steering]") {
  Script script;
  Steering steering(script.source(), {});
  REQUIRE(start(steering).warnings.empty());
  script.text.replace(script.text.find("workers: 1"), 10, "workers: 2");
  script.text.replace(script.text.find("admin: off"), 10, "admin: 127.0.0.1:0");
  const Outcome outcome = reload(steering);
  CHECK(outcome.applied);
  const std::string warnings = config::render(outcome.warnings);
  CHECK(warnings.find(": warning: workers: the new number takes effect at the next start\n") !=
        std::string::npos);
  CHECK(warnings.find(": warning: admin: the new address takes effect at the next start\n") !=
        std::string::npos);
  steering.stop();
}
