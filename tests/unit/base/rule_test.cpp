#include "sluice/base/error.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;

namespace {

std::vector<Rule> all_rules() {
  std::vector<Rule> out;
  for (std::size_t at = 1; at < kRules; ++at)
    out.push_back(static_cast<Rule>(at));
  return out;
}

// The names that have an anchor in a page, in order.
std::vector<std::string> anchors(const std::string& page) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR "/docs/") + page);
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::string mark = "<a id=\"rule-";
  std::vector<std::string> out;
  for (std::size_t at = all.find(mark); at != std::string::npos; at = all.find(mark, at)) {
    at += mark.size();
    out.push_back(all.substr(at, all.find('"', at) - at));
  }
  return out;
}

}  // namespace

TEST_CASE("each rule has a name of its own, and words", "[base][rule]") {
  std::set<std::string_view> names;
  for (const Rule rule : all_rules()) {
    const std::string_view name = to_string(rule);
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos);
    CHECK(name.size() >= 4);
    CHECK(name.size() <= 24);
    // They stand as they are in JSON, in HTML and in a quoted string.
    CHECK(words(rule).size() > 10);
    CHECK(words(rule).find_first_of("\"\\<>&") == std::string_view::npos);
    CHECK(std::all_of(words(rule).begin(), words(rule).end(), [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK((concerns(rule, Side::downstream) || concerns(rule, Side::upstream)));
    CHECK_FALSE(concerns(rule, Side::internal));
    CHECK(of_connection(rule) == name.starts_with("h2-"));
  }
  CHECK(to_string(Rule::none).empty());
  CHECK_FALSE(concerns(Rule::none, Side::downstream));
}

TEST_CASE("a broken rule is an error of its kind", "[base][rule]") {
  CHECK(broken(Rule::dot_segment) == Error{ErrorKind::malformed, Side::internal, Rule::dot_segment});
  CHECK(broken(Rule::field_count, Side::upstream).kind == ErrorKind::head_too_large);
  CHECK(broken(Rule::body_cut, Side::upstream).side == Side::upstream);
  for (const Rule rule : all_rules())
    CHECK(broken(rule).kind != ErrorKind::none);
  CHECK(sizeof(Error) == 8);
}

TEST_CASE("each rule is in the docs, once", "[base][rule]") {
  std::vector<std::string> told;
  for (const char* page : {"http1.md", "http2.md", "routing.md"}) {
    for (const std::string& name : anchors(page))
      told.push_back(name);
  }
  std::sort(told.begin(), told.end());
  std::vector<std::string> wanted;
  for (const Rule rule : all_rules())
    wanted.emplace_back(to_string(rule));
  std::sort(wanted.begin(), wanted.end());
  CHECK(told == wanted);
}
