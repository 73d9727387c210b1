#include "sluice/control/json_text.hpp"

#include <limits>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using sluice::control::json_text;
namespace json = boost::json;

TEST_CASE("numbers are as people write them", "[control][json]") {
  for (const auto& [number, text] :
       {std::pair(1.526107, "1.526"), std::pair(0.0, "0"), std::pair(3.0, "3"), std::pair(1e6, "1000000"),
        std::pair(-2.5, "-2.5"), std::pair(0.0004, "0"), std::pair(-0.0001, "0"),
        std::pair(12345.678901, "12345.679")}) {
    CHECK(json_text(number) == text);
  }
  CHECK(json_text(std::numeric_limits<double>::infinity()) == "null");
  CHECK(json_text(std::int64_t{-7}) == "-7");
  CHECK(json_text(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("everything else is as ever", "[control][json]") {
  const char* const text = R"({"a":[1,"x\"y\n",true,null,{}],"b":{"c":[],"d":"\u0001"},"\"":"/"})";
  CHECK(json::parse(json_text(json::parse(text))) == json::parse(text));
  CHECK(json_text(json::parse("[]")) == "[]");
  CHECK(json_text(json::parse("{\"a\":[1.5,{\"b\":2.25}]}")) == "{\"a\":[1.5,{\"b\":2.25}]}");
}
