#include "sluice/config/admin.hpp"

#include <string>

#include <catch2/catch.hpp>

using sluice::config::find_admin;
using sluice::config::find_admin_in;

namespace {

constexpr const char* kDefault = "unix:/run/sluice/admin.sock";
constexpr const char* kOurs = "unix:/x/admin.sock";

std::string found(const std::string& text) { return find_admin_in(text, "f.yaml").value; }
std::string doubt(const std::string& text) {
  const auto warning = find_admin_in(text, "f.yaml").doubt;
  return warning ? sluice::config::text_of(*warning) : "";
}

}  // namespace

TEST_CASE("the address is found in a file that is well", "[config][admin]") {
  CHECK(found("version: 1\nadmin: unix:/x/admin.sock\n") == kOurs);
  CHECK(found("admin: { address: unix:/x/admin.sock }\n") == kOurs);
  CHECK(found("admin:\n  address: \"127.0.0.1:9900\"\n") == "127.0.0.1:9900");
  CHECK(found("{\"version\": 1, \"admin\": {\"address\": \"unix:/x/admin.sock\"}}") == kOurs);
  CHECK(found("admin: off\n") == "off");
  CHECK(found("version: 1\n") == kDefault);
  CHECK(doubt("version: 1\n").empty());
}

TEST_CASE("mistakes elsewhere do not matter", "[config][admin]") {
  const std::string text = "nonsense: {}\nversion: 7\nadmin: unix:/x/admin.sock\nroutes: ${NOWHERE}\n";
  CHECK(found(text) == kOurs);
  CHECK(doubt(text).empty());
}

TEST_CASE("the address is found in what is no YAML, with a doubt", "[config][admin]") {
  for (const char* text : {
           "version: 1\npools: {\nadmin: unix:/x/admin.sock\n",
           "routes: [\nadmin: unix:/x/admin.sock\nmore: ]\n",
           "a: \"open\nadmin: \"unix:/x/admin.sock\"\n",
           "admin:\n  # where\n  address: unix:/x/admin.sock\npools:\n\t- tab\n",
           "admin: { address: \"unix:/x/admin.sock\"\npools:\n  app: {}\n",
           "admin: \"unix:/x/admin.sock\npools: {}\n",
           "a: 1\nb: [\n\"admin\" : 'unix:/x/admin.sock'\n",
           "admin: unix:/x/admin.sock\nadmin: unix:/y/admin.sock\n",
           "{\n \"version\": 1,\n \"admin\": {\n  \"address\": \"unix:/x/admin.sock\"\n },\n \"pools\": {\n  "
           "\"app\": [",
           "{\"tenants\": {\"items\": {\"admin\": {\"hosts\": []}}}, \"admin\": {\"address\": "
           "\"unix:/x/admin.sock\"}",
           "# {\n---\n{\"pools\": {\"a\": {}, \"admin\": \"unix:/x/admin.sock\"}",
       }) {
    INFO(text);
    CHECK(found(text) == kOurs);
    CHECK(doubt(text).find("f.yaml") == 0);
    CHECK(doubt(text).find(kOurs) != std::string::npos);
    CHECK(doubt(text).find('\n') == std::string::npos);
  }
}

TEST_CASE("what is only called admin is not taken for it", "[config][admin]") {
  for (const char* text : {
           "pools:\n  admin:\n    servers: [\"127.0.0.1:3000\"]\nroutes: [\n",
           "# admin: unix:/x/admin.sock\nroutes: [\n",
           "administration: unix:/x/admin.sock\nroutes: [\n",
           "{\"tenants\": {\"items\": {\"admin\": {\"hosts\": [\"127.0.0.1:1\"]}}}",
           "{\"note\": \"admin: unix:/x/admin.sock\", \"pools\": [",
           "admin: 0.0.0.0:9900\nroutes: [\n",
           "admin:\nroutes: [\n",
           "",
           "}",
           "{",
           "\xff\xfe",
       }) {
    INFO(text);
    CHECK(found(text) == kDefault);
    CHECK(doubt(text).find("trying the default") != std::string::npos);
  }
}

TEST_CASE("an address that is wrong is a doubt, and the default is tried", "[config][admin]") {
  CHECK(found("admin: nonsense\n") == kDefault);
  CHECK(doubt("admin: nonsense\n").find("f.yaml:1:8: admin: ") == 0);
  CHECK(found("admin: { adress: unix:/x/admin.sock }\n") == kDefault);
  CHECK(find_admin("/nonexistent/f.yaml").value == kDefault);
  CHECK(find_admin("/nonexistent/f.yaml").doubt->file == "/nonexistent/f.yaml");
  CHECK(find_admin("/nonexistent/f.yaml").doubt->message.find("No such file") != std::string::npos);
}

TEST_CASE("an address by itself is read as in a file", "[config][admin]") {
  std::string problem;
  CHECK(sluice::config::parse_admin("127.0.0.1:9900", problem) == "127.0.0.1:9900");
  CHECK(problem.empty());
  CHECK(sluice::config::parse_admin("10.0.0.1:9900", problem).empty());
  CHECK_FALSE(problem.empty());
}
