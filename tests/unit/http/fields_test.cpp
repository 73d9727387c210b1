#include "sluice/http/fields.hpp"

#include "sluice/base/text.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;

TEST_CASE("known field names have an id, in any case", "[http][fields]") {
  const struct {
    const char* name;
    FieldId id;
  } cases[] = {
      {"Accept", FieldId::accept},
      {"connection", FieldId::connection},
      {"CONTENT-LENGTH", FieldId::content_length},
      {"Content-Type", FieldId::content_type},
      {"Cookie", FieldId::cookie},
      {"Date", FieldId::date},
      {"Expect", FieldId::expect},
      {"CDN-Loop", FieldId::cdn_loop},
      {"Proxy", FieldId::proxy},
      {"Forwarded", FieldId::claim},
      {"hOST", FieldId::host},
      {"HTTP2-Settings", FieldId::http2_settings},
      {"Keep-Alive", FieldId::keep_alive},
      {"Proxy-Connection", FieldId::proxy_connection},
      {"Referer", FieldId::referer},
      {"Retry-After", FieldId::retry_after},
      {"TE", FieldId::te},
      {"Trailer", FieldId::trailer},
      {"Transfer-Encoding", FieldId::transfer_encoding},
      {"Upgrade", FieldId::upgrade},
      {"User-Agent", FieldId::user_agent},
      {"X-Forwarded-For", FieldId::x_forwarded_for},
      {"X-Forwarded-Host", FieldId::x_forwarded_host},
      {"X-Forwarded-Proto", FieldId::x_forwarded_proto},
      {"X-Forwarded-Port", FieldId::x_forwarded},
      {"x-forwarded-client-cert-and-more", FieldId::x_forwarded},
      {"X-Forwarded", FieldId::x_forwarded},
      {"X-Real-IP", FieldId::claim},
      {"X-Request-ID", FieldId::x_request_id},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(field_id(c.name) == c.id);
    std::string upper(c.name);
    for (char& letter : upper)
      letter = static_cast<char>(std::toupper(letter));
    CHECK(field_id(upper) == c.id);
  }
}

TEST_CASE("claims are in small letters, and have one id", "[http][fields]") {
  CHECK(claim_names().size() == 27);
  for (const std::string_view name : claim_names()) {
    CAPTURE(name);
    CHECK(field_id(name) == FieldId::claim);
    CHECK(lower(name) == name);
    std::string other(name);
    if (const auto dash = other.find('-'); dash != std::string::npos) {
      other[dash] = '_';
      CHECK(field_id(other) == FieldId::look_alike);
    }
  }
}

TEST_CASE("other names have none, however close", "[http][fields]") {
  for (const char* name : {"",
                           "x",
                           "Hos",
                           "Hosts",
                           "Content-Lengt",
                           "Content-Length1",
                           "ContentLength",
                           "X-Forwarded-",
                           "Proxy-",
                           "CDNLoop",
                           "X-Original",
                           "XX-Forwarded-For",
                           "TE2",
                           "Transfer-Encodin",
                           "X-Tenant",
                           "_",
                           "__",
                           "x_y",
                           "x.y",
                           "!#$%&'*+-.^_`|~"}) {
    CAPTURE(name);
    CHECK(field_id(name) == FieldId::other);
  }
  CHECK(field_id(std::string(1000, 'a')) == FieldId::other);
  CHECK(field_id(std::string(1000, '_')) == FieldId::other);
}

TEST_CASE("other spellings of fields with a meaning are look-alikes", "[http][fields]") {
  for (const char* name :
       {"Content_Length",  "TRANSFER_ENCODING", "transfer_Encoding",    "X_Forwarded_For",
        "X-Forwarded_For", "x_forwarded-proto", "X_Forwarded_Anything", "X_Real_IP",
        "X_Request_ID",    "Keep_Alive",        "Proxy_Connection",     "User_Agent",
        "HTTP2_Settings",  "Transfer.Encoding", "X.Forwarded~For",      "content!length",
        "CDN_Loop",        "X_Forwarded",       "X_Original_URL",       "x.http.method.override"}) {
    CAPTURE(name);
    CHECK(field_id(name) == FieldId::look_alike);
  }
}

TEST_CASE("a look-alike is one at any length", "[http][fields]") {
  const std::string tail(80, 'x');
  CHECK(field_id("x-forwarded-" + tail) == FieldId::x_forwarded);
  CHECK(field_id("x_forwarded_" + tail) == FieldId::look_alike);
  CHECK(field_id("x_forwarded-" + tail) == FieldId::look_alike);
  CHECK(field_id("y-forwarded_" + tail) == FieldId::other);
}

TEST_CASE("names that become one CGI variable are the same", "[http][fields]") {
  CHECK(same_variable("X-Tenant", "x_tenant"));
  CHECK(same_variable("X_A-B", "x-a_b"));
  CHECK(same_variable("", ""));
  CHECK_FALSE(same_variable("X-Tenant", "X-Tenants"));
  CHECK_FALSE(same_variable("X-Tenant", "XXTenant"));
  CHECK_FALSE(same_variable("X-Tenant", "X-Tenan1"));
  CHECK(same_variable("X-Tenant", "x.TENANT"));
  CHECK(same_variable("X!A~B", "x-a_b"));
  CHECK_FALSE(same_variable("XaTenant", "X-Tenant"));
}

TEST_CASE("fields keep their order and are found by id and by name", "[http][fields]") {
  Arena arena;
  Fields fields;
  CHECK(fields.size() == 0);
  CHECK_FALSE(fields.has(FieldId::host));
  CHECK(fields.find(FieldId::host) == nullptr);
  CHECK(fields.find("Host") == nullptr);
  fields.add(arena, "Host", "a.example", FieldId::host);
  fields.add(arena, "X-Custom", "one", FieldId::other);
  fields.add(arena, "x-custom", "two", FieldId::other);
  CHECK(fields.size() == 3);
  CHECK(fields.has(FieldId::host));
  CHECK(fields.value(FieldId::host) == "a.example");
  CHECK(fields.value(FieldId::cookie).empty());
  REQUIRE(fields.find("X-CUSTOM") != nullptr);
  CHECK(fields.find("X-CUSTOM")->value == "one");
  CHECK(fields.all()[2].value == "two");
}

TEST_CASE("a dropped field is not found, and is still there for logs", "[http][fields]") {
  Arena arena;
  Fields fields;
  fields.add(arena, "Cookie", "a=1", FieldId::cookie);
  fields.add(arena, "Cookie", "b=2", FieldId::cookie);
  fields.add(arena, "Accept", "*/*", FieldId::accept);
  fields.all()[0].dropped = true;
  CHECK(fields.value(FieldId::cookie) == "b=2");
  fields.drop(FieldId::cookie);
  CHECK(fields.find(FieldId::cookie) == nullptr);
  CHECK(fields.find("cookie") == nullptr);
  CHECK(fields.has(FieldId::cookie));
  CHECK(fields.all()[1].value == "b=2");
  CHECK(fields.value(FieldId::accept) == "*/*");
  fields.clear();
  CHECK(fields.size() == 0);
  CHECK_FALSE(fields.has(FieldId::cookie));
}

TEST_CASE("hundreds of fields fit", "[http][fields]") {
  Arena arena;
  Fields fields;
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    fields.add(arena, arena.copy("n" + number), arena.copy(number), FieldId::other);
  }
  REQUIRE(fields.size() == 1000);
  for (int i = 0; i < 1000; ++i)
    CHECK(fields.all()[static_cast<std::size_t>(i)].value == std::to_string(i));
}
