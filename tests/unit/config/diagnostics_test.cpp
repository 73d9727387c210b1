#include "sluice/config/load.hpp"

#include <catch2/catch.hpp>

using namespace sluice::config;

TEST_CASE("errors come out in order, once each", "[config]") {
  Diagnostics out;
  CHECK(out.empty());
  out.add({1, 1, 1}, "", "in the second file");
  out.add({0, 10, 2}, "a.b", "later line");
  out.add({0, 9, 20}, "a", "later column");
  out.add({0, 9, 3}, "a", "earlier column");
  out.add({0, 10, 2}, "a.b", "later line");
  out.add({0, 0, 0}, "", "whole file");
  CHECK_FALSE(out.empty());
  CHECK(out.items().size() == 6);
  CHECK(out.render({"one", "two"}) ==
        "one: whole file\n"
        "one:9:3: a: earlier column\n"
        "one:9:20: a: later column\n"
        "one:10:2: a.b: later line\n"
        "two:1:1: in the second file\n");
  CHECK(Diagnostics().render({}).empty());
}
