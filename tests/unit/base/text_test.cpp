#include "sluice/base/text.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;

TEST_CASE("letters are ASCII letters, whatever the locale", "[base][text]") {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool upper = i >= 'A' && i <= 'Z';
    const bool small = i >= 'a' && i <= 'z';
    CAPTURE(i);
    CHECK(to_lower(c) == (upper ? static_cast<char>(i + 32) : c));
    CHECK(is_alpha(c) == (upper || small));
    CHECK(is_digit(c) == (i >= '0' && i <= '9'));
  }
}

TEST_CASE("hexadecimal digits", "[base][text]") {
  CHECK(hex_value('0') == 0);
  CHECK(hex_value('9') == 9);
  CHECK(hex_value('a') == 10);
  CHECK(hex_value('F') == 15);
  for (const char c : std::string("gG:/@` x\xff") + '\0')
    CHECK(hex_value(c) == -1);
}

TEST_CASE("texts compare without regard to case", "[base][text]") {
  CHECK(iequals("", ""));
  CHECK(iequals("Content-Length", "cONTENT-lENGTH"));
  CHECK_FALSE(iequals("a", "ab"));
  CHECK_FALSE(iequals("a", "b"));
  // Not every pair of bytes 32 apart is a letter and its other case.
  CHECK_FALSE(iequals("@", "`"));
  CHECK_FALSE(iequals("[", "{"));
  CHECK(lower("ABC.xyz-\xC4") == "abc.xyz-\xC4");
}

TEST_CASE("optional whitespace is space and tab", "[base][text]") {
  CHECK(trim_ows(" \t a b\t ") == "a b");
  CHECK(trim_ows("") == "");
  CHECK(trim_ows(" \t") == "");
  CHECK(trim_ows("\r\na\v\f") == "\r\na\v\f");
  CHECK(trim_ows("\xA0x") == "\xA0x");
}

TEST_CASE("decimal numbers are digits and nothing else", "[base][text]") {
  CHECK(parse_decimal<std::uint16_t>("0") == 0);
  CHECK(parse_decimal<std::uint16_t>("65535") == 65535);
  CHECK(parse_decimal<std::uint16_t>("007") == 7);
  CHECK(parse_decimal<std::int64_t>("9223372036854775807") == INT64_MAX);
  for (const char* text :
       {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3", "65536", "99999999999999999999", "a"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_decimal<std::uint16_t>(text));
  }
  CHECK_FALSE(parse_decimal<std::int64_t>("-1"));
  CHECK_FALSE(parse_decimal<std::int64_t>("9223372036854775808"));
}

TEST_CASE("lists are split at commas, empty elements left out", "[base][text]") {
  const auto split = [](std::string_view list) {
    std::vector<std::string> out;
    for_each_element(list, [&](std::string_view element) {
      out.emplace_back(element);
      return true;
    });
    return out;
  };
  using List = std::vector<std::string>;
  CHECK(split("").empty());
  CHECK(split(" , ,,\t").empty());
  CHECK(split("a") == List{"a"});
  CHECK(split(" a ,b\t, c d ,") == List{"a", "b", "c d"});
  int seen = 0;
  for_each_element("a,b,c", [&](std::string_view) { return ++seen < 2; });
  CHECK(seen == 2);
}

TEST_CASE("maps are searched by view", "[base][text]") {
  std::unordered_map<std::string, int, TextHash, TextEqual> map{{"one", 1}};
  CHECK(map.find(std::string_view("one"))->second == 1);
  CHECK(map.find(std::string_view("ONE")) == map.end());
}

TEST_CASE("percent-encoding is undone, and refused where it is none", "[base]") {
  CHECK(percent_decoded("a%2Fb%5b::1%5D") == "a/b[::1]");
  CHECK(percent_decoded("") == "");
  CHECK(percent_decoded("%00") == std::string(1, '\0'));
  for (const char* bad : {"%", "%4", "%4g", "a%", "%zz"})
    CHECK_FALSE(percent_decoded(bad));
}

TEST_CASE("percent-encoding leaves what means itself in a path", "[base]") {
  CHECK(percent_encoded("unix:/run/a b%41?.sock") == "unix:/run/a%20b%2541%3F.sock");
  CHECK(percent_encoded("[::1]:80") == "[::1]:80");
  for (const char* text : {"a b", "100%41", "\xff\x00", "/servers/"})
    CHECK(percent_decoded(percent_encoded(text)) == text);
}

TEST_CASE("a list is looked at up to a bound, empty elements counted", "[base][text]") {
  const auto elements = [](const std::string& list, bool& whole) {
    std::size_t seen = 0;
    whole = for_each_element(list, [&](std::string_view) { return ++seen != 0; });
    return seen;
  };
  bool whole = false;
  std::string list = "a";
  for (std::size_t i = 1; i < kMostElements; ++i)
    list += ",a";
  CHECK(elements(list, whole) == kMostElements);
  CHECK(whole);
  CHECK(elements(list + ",a", whole) == kMostElements);
  CHECK_FALSE(whole);
  CHECK(elements(std::string(kMostElements, ','), whole) == 0);
  CHECK(whole);
  CHECK(elements(std::string(kMostElements, ',') + "a", whole) == 0);
  CHECK_FALSE(whole);
  CHECK(elements("a,b,c", whole) == 3);
  CHECK(whole);
}
