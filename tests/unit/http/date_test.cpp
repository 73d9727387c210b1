#include "sluice/http/date.hpp"

#include <ctime>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

namespace {

constexpr Nanos kSecond = 1'000'000'000;

std::string added(Fields& fields, Arena& arena, Nanos now) {
  add_date(fields, arena, now);
  return std::string(fields.value(FieldId::date));
}

}  // namespace

TEST_CASE("an answer without a date gets one", "[http][date]") {
  Arena arena;
  Fields fields;
  const std::string date = added(fields, arena, steady_now());
  std::tm parts{};
  REQUIRE(::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) != nullptr);
  CHECK(std::abs(::timegm(&parts) - std::time(nullptr)) < 60);
  // A second by the loop's clock is enough; it need not be one of the wall's.
  Fields later;
  CHECK(added(later, arena, steady_now() + kSecond).size() == date.size());
}

TEST_CASE("the date of who made the answer stays", "[http][date]") {
  Arena arena;
  Fields fields;
  fields.add(arena, "Date", "long ago", FieldId::date);
  CHECK(added(fields, arena, steady_now()) == "long ago");
  CHECK(fields.size() == 1);
  fields.drop(FieldId::date);  // it concerned one hop
  CHECK(added(fields, arena, steady_now()).ends_with(" GMT"));
}
