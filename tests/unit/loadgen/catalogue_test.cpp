#include "loadgen/catalogue.hpp"

#include <catch2/catch.hpp>

using namespace sluice::bench;

namespace {

std::string head_of(const Ask& ask) { return ask.form->before_host + *ask.host + ask.form->behind_host; }

std::string field(const Form& form, std::string_view name) {
  for (const auto& [known, value] : form.fields)
    if (known == name) return value;
  return "(none)";
}

}  // namespace

TEST_CASE("a plain request has the form of RFC 9112", "[loadgen][catalogue]") {
  const Catalogue catalogue({RequestSpec{}}, CommonForm{}, Hosts("a.test"), "b");
  CHECK(head_of(catalogue.at(0)) == "GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: sluice-bench\r\n\r\n");
  CHECK(catalogue.at(0).logged_class == 0);
}

TEST_CASE("fields, bodies and the end of the connection", "[loadgen][catalogue]") {
  RequestSpec spec{"POST", "/x", {}, {"User-Agent: me"}, 3};
  CommonForm common;
  common.keep_alive = false;
  common.headers = {"Connection: keep-alive", "X-Two: 2"};
  const Catalogue catalogue({spec}, common, Hosts("a.test"), "ab");
  const auto ask = catalogue.at(0);
  CHECK(head_of(ask) ==
        "POST /x HTTP/1.1\r\nHost: a.test\r\nUser-Agent: me\r\nConnection: keep-alive\r\nX-Two: 2\r\n"
        "Content-Length: 3\r\nConnection: close\r\n\r\naba");
  CHECK(ask.form->large_body.empty());
  CHECK(ask.form->body == "aba");
  CHECK(field(*ask.form, ":method") == "POST");
  CHECK(field(*ask.form, ":scheme") == "http");
  CHECK(field(*ask.form, "x-two") == "2");
  CHECK(field(*ask.form, "content-length") == "3");
  CHECK(field(*ask.form, "connection") == "(none)");
}

TEST_CASE("a large body is not copied into the head", "[loadgen][catalogue]") {
  const Catalogue catalogue({RequestSpec{"PUT", "/", {}, {}, 100'000}}, CommonForm{}, Hosts("a.test"), "b");
  CHECK(catalogue.at(0).form->large_body.size() == 100'000);
  CHECK(head_of(catalogue.at(0)).ends_with("Content-Length: 100000\r\n\r\n"));
}

TEST_CASE("requests of a file come in turn, each with its own host or the next one", "[loadgen][catalogue]") {
  const RequestSpec own{"GET", "/own", "own.test", {}, 0};
  const RequestSpec any{"GET", "/any", {}, {}, 0};
  const Catalogue catalogue({own, any}, CommonForm{}, Hosts("h{n}", 7, Distribution::uniform), "b");
  for (std::uint64_t i = 0; i < 20; i += 2) {
    CHECK(catalogue.at(i).form->before_host.starts_with("GET /own"));
    CHECK(*catalogue.at(i).host == "own.test");
    CHECK(catalogue.at(i + 1).form->before_host.starts_with("GET /any"));
    CHECK(catalogue.at(i + 1).host->starts_with("h"));
  }
}

TEST_CASE("a log is asked again in its order, with its times", "[loadgen][catalogue]") {
  AccessLog log;
  log.skipped = 3;
  log.entries = {{10 * per_second, "GET", "/a", "a.test", 200, 0},
                 {11 * per_second, "POST", "/b", "", 404, 5},
                 {13 * per_second, "GET", "/a", "a.test", 200, 0}};
  const Catalogue catalogue(log, CommonForm{}, Hosts("run.test"), "b");
  CHECK(catalogue.trace_size() == 3);
  CHECK(catalogue.lines_skipped() == 3);
  CHECK(catalogue.trace_offset(2) == 3 * per_second);
  CHECK(*catalogue.at(0).host == "a.test");
  CHECK(*catalogue.at(1).host == "run.test");
  CHECK(catalogue.at(1).logged_class == 4);
  CHECK(catalogue.at(1).form->body.size() == 5);
  CHECK(catalogue.at(2).form == catalogue.at(0).form);
  CHECK_THROWS(Catalogue(AccessLog{}, CommonForm{}, Hosts("run.test"), "b"));
}
