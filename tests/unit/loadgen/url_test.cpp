#include "loadgen/url.hpp"

#include "origin/toolkit/usage_error.hpp"

#include <catch2/catch.hpp>

using namespace sluice::bench;

TEST_CASE("a URL says where to connect and what to ask", "[loadgen][url]") {
  struct Case {
    const char* text;
    bool tls;
    const char* host;
    std::uint16_t port;
    const char* authority;
    const char* target;
  };
  for (const Case& one : {
           Case{"http://a.test", false, "a.test", 80, "a.test", "/"},
           Case{"https://a.test/", true, "a.test", 443, "a.test", "/"},
           Case{"HTTP://a.test:8080/x?y=1&z=%20", false, "a.test", 8080, "a.test:8080", "/x?y=1&z=%20"},
           Case{"http://a.test:80/x", false, "a.test", 80, "a.test", "/x"},
           Case{"https://a.test:80/x", true, "a.test", 80, "a.test:80", "/x"},
           Case{"http://a.test?delay=mix:20ms,200ms,3", false, "a.test", 80, "a.test",
                "/?delay=mix:20ms,200ms,3"},
           Case{"http://a.test/x?y#z", false, "a.test", 80, "a.test", "/x?y"},
           Case{"http://127.0.0.1:1/", false, "127.0.0.1", 1, "127.0.0.1:1", "/"},
           Case{"https://[::1]:8443/x", true, "::1", 8443, "[::1]:8443", "/x"},
           Case{"https://[::1]/x", true, "::1", 443, "[::1]", "/x"},
           Case{"http://a.test//x", false, "a.test", 80, "a.test", "//x"},
       }) {
    INFO(one.text);
    const Url url = parse_url(one.text);
    CHECK(url.tls == one.tls);
    CHECK(url.host == one.host);
    CHECK(url.port == one.port);
    CHECK(url.authority == one.authority);
    CHECK(url.target == one.target);
  }
}

TEST_CASE("what is no such URL is refused", "[loadgen][url]") {
  for (const char* text : {"",
                           "a.test",
                           "a.test/x",
                           "/x",
                           "http:",
                           "http://",
                           "http:///x",
                           "http://:80/",
                           "ftp://a.test/",
                           "http:a.test",
                           "http://a.test:/",
                           "http://a.test:0/",
                           "http://a.test:65536/",
                           "http://a.test:x/",
                           "http://a.test:80:80/",
                           "http://user@a.test/",
                           "http://[::1/",
                           "http://::1/",
                           "http://[::g]/",
                           "http://a.test/a b",
                           "http://a.test/%zz",
                           "http://a b/"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_url(text), sluice::toolkit::UsageError);
  }
}
