#include "sluice/http/target.hpp"

#include <set>
#include <string>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::http;

namespace {

bool dotted(std::string_view target) {
  bool found = false;
  return check_origin_form(target, found) == Rule::none && found;
}
bool plain(std::string_view target) {
  bool found = false;
  return check_origin_form(target, found) == Rule::none && !found;
}
Rule broken_by(std::string_view target) {
  bool found = false;
  return check_origin_form(target, found);
}

}  // namespace

TEST_CASE("targets as browsers and programs send them", "[http][target]") {
  for (const char* target : {"/",
                             "//",
                             "/a",
                             "/a/b/",
                             "/a//b",
                             "/a?",
                             "/?",
                             "/?a=1&b=2",
                             "/a?b?c",
                             "/a?/../b",
                             "/a?b=%zz",
                             "/a?100%",
                             "/?a={x}&b=^`\\",
                             "/?q=a|b",
                             "/a|b",
                             "/a[1]",
                             "/a(1)!$&'*+,;=:@-._~",
                             "/%20",
                             "/%41",
                             "/%e2%82%ac",
                             "/%E2",
                             "/%2f",
                             "/a%2Fb",
                             "/%25",
                             "/%252e%252e",
                             "/...",
                             "/.a",
                             "/a.",
                             "/..a",
                             "/a..",
                             "/.../b",
                             "/a.b/c..d",
                             "/.well-known/acme-challenge/x",
                             "/;a",
                             "/a;b=1/c",
                             "/..a;x",
                             "/%2e%2e%2e",
                             "/%2ea",
                             "/a?.",
                             "/a?%00",
                             "/a?%2e%2e/"}) {
    CAPTURE(target);
    CHECK(plain(target));
  }
  CHECK(plain("/" + std::string(20'000, 'a')));
}

TEST_CASE("no byte that two parsers could read differently", "[http][target]") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    CAPTURE(c);
    const std::string_view never = "\0\1\2\3\4\5\6\7\b\t\n\v\f\r \"#<>\x7f"sv;
    const bool control = c < 0x21 || c > 0x7e;
    const bool never_allowed = control || never.find(byte) != std::string_view::npos;
    const bool path_only_refused = std::string_view("\\{}^`%").find(byte) != std::string_view::npos;
    if (c != '?') CHECK(plain(std::string("/a") + byte + "b") == !(never_allowed || path_only_refused));
    CHECK(plain(std::string("/a?b") + byte + "c") == !never_allowed);
    CHECK(plain(std::string("/a?b") + byte) == !never_allowed);
  }
}

TEST_CASE("what is no origin-form", "[http][target]") {
  for (const char* target : {"", "a", "*", "a/b", "?a", "http://a/", "a:443", "\\a", " /", "%2f"}) {
    CAPTURE(target);
    CHECK(broken_by(target) == Rule::target_form);
  }
}

TEST_CASE("encodings in a path are whole, and hide no NUL", "[http][target]") {
  for (const char* target :
       {"/%", "/%2", "/%2?", "/%g0", "/%0g", "/% 20", "/%%", "/%u002e", "/%-1", "/a%", "/%2", "/%2?%20"}) {
    CAPTURE(target);
    CHECK(broken_by(target) == Rule::bad_percent);
  }
  CHECK(broken_by("/%00") == Rule::encoded_nul);
  CHECK(broken_by("/a%00b") == Rule::encoded_nul);
}

TEST_CASE("dot segments are told however they are spelled", "[http][target]") {
  for (const char* target : {"/.",
                             "/..",
                             "/./",
                             "/../",
                             "/a/.",
                             "/a/..",
                             "/a/./b",
                             "/a/../b",
                             "//..",
                             "//../a",
                             "/../../etc/passwd",
                             "/%2e",
                             "/%2E",
                             "/%2e%2e",
                             "/.%2e",
                             "/%2e.",
                             "/a/%2e%2E/b",
                             "/%2e/",
                             "/..%2f",
                             "/..%2Fa",
                             "/a%2f..",
                             "/a%2f../",
                             "/%2f..%2f",
                             "/..%5c",
                             "/..%5Ca",
                             "/a%5c..",
                             "/%5c%2e%2e%5C",
                             "/.%2f",
                             "/..;",
                             "/..;/",
                             "/..;a=b/c",
                             "/.;x",
                             "/a/..;x/b",
                             "/%2e%2e;/",
                             "/..%3b/",
                             "/..%3Bx/",
                             "/a;b/../c",
                             "/..?",
                             "/.?a",
                             "/a/..?b"}) {
    CAPTURE(target);
    CHECK(dotted(target));
  }
}

namespace {

std::string decoded(std::string_view path) {
  Arena arena;
  return std::string(decoded_path(path, arena));
}

}  // namespace

TEST_CASE("a path is decoded as applications do it", "[http][target]") {
  CHECK(decoded("/a%2fb") == "/a/b");
  CHECK(decoded("/%61dmin") == "/admin");
  CHECK(decoded("/a//b") == "/a/b");
  CHECK(decoded("//a///b//") == "/a/b/");
  CHECK(decoded("/a/%2f/b") == "/a/b");
  CHECK(decoded("%2f%2Fa") == "/a");
  CHECK(decoded("/%25%32%66") == "/%2f");  // once, not until nothing changes
  CHECK(decoded("/%E2%82%AC") == "/\xe2\x82\xac");
  CHECK(decoded("/a%5cb") == "/a\\b");
  CHECK(decoded("/a+b") == "/a+b");
}

TEST_CASE("a path with nothing to undo is not copied", "[http][target]") {
  Arena arena;
  const std::string_view path = "/a/b;c=1/d.e~f";
  CHECK(decoded_path(path, arena).data() == path.data());
  CHECK(decoded_path(path, arena) == path);
}

namespace {

std::set<std::string> readings(std::string_view path) {
  Arena arena;
  std::set<std::string> out;
  CHECK(all_resolutions(path, arena, [&](std::string_view reading) {
    out.emplace(reading);
    return true;
  }));
  return out;
}

using Readings = std::set<std::string>;

}  // namespace

TEST_CASE("what applications make of dot segments", "[http][target]") {
  CHECK(readings("/a/../b") == Readings{"/b"});
  CHECK(readings("/a/./b/../../../c/") == Readings{"/c/"});
  CHECK(readings("/a/..") == Readings{"/"});
  CHECK(readings("/a/b/.") == Readings{"/a/b", "/a/b/"});
  CHECK(readings("/..") == Readings{"/"});
  // Runs of slashes are one, or segments of their own.
  CHECK(readings("/a//../b") == Readings{"/a/b", "/b"});
  // An encoded slash separates, or is part of a name; then that name may be decoded later.
  CHECK(readings("/a%2fb/../c") == Readings{"/a/c", "/c"});
  CHECK(readings("/a/..%2fb") == Readings{"/a/..%2fb", "/a/../b", "/b"});
  CHECK(readings("/a/..%5cb") == Readings{"/a/..%5cb", "/a/..\\b", "/b"});
  // Parameters belong to a segment, or hide its dots.
  CHECK(readings("/a/..;x/b") == Readings{"/a/..;x/b", "/b"});
  // Encoded dots are dots, or a name until the path is decoded.
  CHECK(readings("/a/%2e%2E/%62") == Readings{"/%62", "/b", "/a/%2e%2E/%62", "/a/../b"});
  CHECK(readings("/a/%2e/../b") == Readings{"/a/b", "/b"});
  // Resolved, decoded, and resolved again.
  CHECK(readings("/a/x%2fy/../..%2fb").contains("/b"));
}

TEST_CASE("one reading that leads elsewhere is enough, and endless paths are not read", "[http][target]") {
  Arena arena;
  const auto below_a = [](std::string_view reading) { return reading.starts_with("/a/"); };
  CHECK(all_resolutions("/a/x/../y", arena, below_a));
  CHECK_FALSE(all_resolutions("/a//../y", arena, below_a));
  CHECK_FALSE(all_resolutions("/a/..%2fy", arena, below_a));
  std::string path = "/a/../";
  path.resize(kLongestDotted, 'x');
  const auto any = [](std::string_view /*reading*/) { return true; };
  CHECK(all_resolutions(path, arena, any));
  CHECK_FALSE(all_resolutions(path + 'x', arena, any));
}
