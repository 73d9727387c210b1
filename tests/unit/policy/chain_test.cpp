// The order in which policies are met, there and back.
#include "sluice/policy/chain.hpp"

#include "unit/policy/visited.hpp"

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::policy;
using test::Visited;

namespace {

class Noting final : public Policy {
 public:
  Noting(std::string name, std::string& notes, bool answers = false)
      : name_(std::move(name)), notes_(notes), answers_(answers) {}
  std::string_view name() const override { return name_; }
  Verdict admit(Visit& visit) const override {
    notes_ += "+" + name_;
    if (!answers_) return Verdict::pass;
    visit.exchange.response.status = 429;
    return Verdict::answered;
  }
  void shape(Visit& visit) const override {
    notes_ += "-" + name_ + std::to_string(visit.exchange.response.status);
  }

 private:
  std::string name_;
  std::string& notes_;
  bool answers_;
};

Chain chain(std::string& notes, bool second_answers) {
  std::vector<std::unique_ptr<const Policy>> all;
  all.push_back(std::make_unique<Noting>("a", notes));
  all.push_back(std::make_unique<Noting>("b", notes, second_answers));
  all.push_back(std::make_unique<Noting>("c", notes));
  return Chain(std::move(all));
}

}  // namespace

TEST_CASE("policies are met in order, and the other way round on the way back", "[policy][chain]") {
  std::string notes;
  Visited visited;
  const Chain three = chain(notes, false);
  CHECK(three.admit(visited.visit) == Policy::Verdict::pass);
  visited.exchange.response.status = 200;
  three.shape(visited.visit);
  CHECK(notes == "+a+b+c-c200-b200-a200");
}

TEST_CASE("who answers is the last one asked, and the answer passes all of them", "[policy][chain]") {
  std::string notes;
  Visited visited;
  const Chain three = chain(notes, true);
  CHECK(three.admit(visited.visit) == Policy::Verdict::answered);
  three.shape(visited.visit);
  CHECK(notes == "+a+b-c429-b429-a429");
}
