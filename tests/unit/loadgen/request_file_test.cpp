#include "loadgen/request_file.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <catch2/catch.hpp>

using namespace sluice::bench;

TEST_CASE("requests are read line by line", "[loadgen][request_file]") {
  const auto specs = parse_requests(
      "# what our users do\n"
      "\n"
      "GET /search?q=a|b | Accept-Language: de | Cookie: a=b; c=d\r\n"
      "  POST   /orders | Content-Length: 4KiB | Host: shop.test",
      "file");
  REQUIRE(specs.size() == 2);
  CHECK(specs[0].method == "GET");
  CHECK(specs[0].target == "/search?q=a|b");
  CHECK(specs[0].headers == std::vector<std::string>{"Accept-Language: de", "Cookie: a=b; c=d"});
  CHECK(specs[0].host.empty());
  CHECK(specs[0].body_size == 0);
  CHECK(specs[1].method == "POST");
  CHECK(specs[1].target == "/orders");
  CHECK(specs[1].headers.empty());
  CHECK(specs[1].host == "shop.test");
  CHECK(specs[1].body_size == 4096);
}

TEST_CASE("a mistake is reported with its line", "[loadgen][request_file]") {
  using Catch::Matchers::StartsWith;
  const auto [text, place] =
      GENERATE(table<std::string, std::string>({{"GET /\nGET\n", "file:2: "},
                                                {"GET / HTTP/1.1", "file:1: "},
                                                {"GET / | nonsense", "file:1: "},
                                                {"\nPOST / | Content-Length: x", "file:2: "},
                                                {"# nothing\n", "file: no request"}}));
  CHECK_THROWS_WITH(parse_requests(text, "file"), StartsWith(place));
}
