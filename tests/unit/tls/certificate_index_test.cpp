#include "sluice/tls/certificate.hpp"

#include "unit/tls/certificates.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::tls;
using namespace sluice::test;

namespace {

using Choice = CertificateIndex::Choice;

// One that is only looked up, never used: no key is made.
std::shared_ptr<const Identity> named(std::vector<std::string> names, std::string type = "ECDSA") {
  auto out = std::make_shared<Identity>();
  out->names = std::move(names);
  out->key_type = std::move(type);
  return out;
}

}  // namespace

TEST_CASE("an exact name comes before a wildcard, a wildcard before the first of all", "[tls][index]") {
  CertificateIndex index;
  const auto first = named({"first.example"});
  const auto wild = named({"*.example.com", "example.com"});
  const auto exact = named({"www.example.com"});
  for (const auto& each : {first, wild, exact})
    index.add(each);
  const auto find = [&](std::string_view name) { return *index.find(name); };
  CHECK(find("www.example.com") == Choice{exact.get()});
  CHECK(find("example.com") == Choice{wild.get()});
  CHECK(find("api.example.com") == Choice{wild.get()});
  CHECK(find("first.example") == Choice{first.get()});
  // A wildcard stands for one label.
  CHECK(find("a.b.example.com") == Choice{first.get()});
  CHECK(find("a.www.example.com") == Choice{first.get()});
  CHECK(find("notexample.com") == Choice{first.get()});
  for (const char* other :
       {"", ".", "com", ".com", "unknown", "example.org", "*.example.com.", "192.0.2.1"}) {
    CAPTURE(other);
    CHECK(find(other) == Choice{first.get()});
  }
  CHECK(index.identities().size() == 3);
}

TEST_CASE("the first certificate stays the answer for unknown names", "[tls][index]") {
  CertificateIndex index;
  CHECK(index.empty());
  REQUIRE(index.find("a.example") != nullptr);
  CHECK(index.find("a.example")->empty());
  const auto first = named({"*.example.com"});
  const auto second = named({"b.example"});
  index.add(first);
  index.add(second);
  CHECK_FALSE(index.empty());
  CHECK(*index.find("nobody.knows.me") == Choice{first.get()});
}

TEST_CASE("one name may have a certificate of each key type", "[tls][index]") {
  CertificateIndex index;
  const auto ec = named({"a.example"}, "ECDSA");
  const auto rsa = named({"a.example", "b.example"}, "RSA");
  const auto late = named({"a.example"}, "ECDSA");
  for (const auto& each : {ec, rsa, late})
    index.add(each);
  CHECK(*index.find("a.example") == Choice{ec.get(), rsa.get()});  // the first of each type
  CHECK(*index.find("b.example") == Choice{rsa.get()});
}

TEST_CASE("a name in one certificate does not hide the wildcard of another type", "[tls][index]") {
  // What is exact wins as a whole: the client gets a certificate that names its host.
  CertificateIndex index;
  const auto wild = named({"*.example.com"}, "RSA");
  const auto exact = named({"a.example.com"}, "ECDSA");
  index.add(wild);
  index.add(exact);
  CHECK(*index.find("a.example.com") == Choice{exact.get()});
  CHECK(*index.find("b.example.com") == Choice{wild.get()});
}

TEST_CASE("covered is what some certificate names", "[tls][index]") {
  CertificateIndex index;
  index.add(named({"first.example"}));
  index.add(named({"*.example.com"}));
  for (const char* name : {"first.example", "a.example.com", "*.example.com"}) {
    CAPTURE(name);
    CHECK(index.covers(name));
  }
  for (const char* name :
       {"example.com", "a.b.example.com", "*.a.example.com", "*.com", "second.example", "", "*"}) {
    CAPTURE(name);
    CHECK_FALSE(index.covers(name));
  }
}

TEST_CASE("a certificate covers its names, and one label in place of a star", "[tls][index]") {
  const auto site = named({"*.example.com", "acme.test", "www.acme.test"});
  for (const char* host : {"a.example.com", "acme.test", "www.acme.test", "*.example.com"}) {
    CAPTURE(host);
    CHECK(site->covers(host));
  }
  for (const char* host : {"", ".", "example.com", ".example.com", "a.b.example.com", "xexample.com", "test",
                           "a.acme.test", "acme.test.", "192.0.2.1", "[::1]"}) {
    CAPTURE(host);
    CHECK_FALSE(site->covers(host));
  }
}

TEST_CASE("names of any length are looked up safely", "[tls][index]") {
  CertificateIndex index;
  const std::string domain =
      "." + std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + ".example";
  const auto first = named({"first.example"});
  const auto wild = named({"*" + domain});
  index.add(first);
  index.add(wild);
  CHECK(*index.find("x" + domain) == Choice{wild.get()});
  for (const std::size_t size : {250U, 254U, 255U, 256U, 257U, 300U, 100'000U}) {
    CHECK(*index.find("x." + std::string(size, 'a')) == Choice{first.get()});
    CHECK(*index.find(std::string(size, 'a')) == Choice{first.get()});
  }
}

TEST_CASE("ten thousand certificates are found as fast as ten", "[tls][index]") {
  CertificateIndex index;
  std::vector<std::shared_ptr<const Identity>> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(named({"t" + std::to_string(i) + ".example"}));
    index.add(all.back());
  }
  // One look-up each: a walk over all of them would take minutes.
  std::size_t right = 0;
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      right += index.find("t" + std::to_string(i) + ".example")->front() == all[i].get() ? 1 : 0;
    }
  }
  CHECK(right == 200'000);
}
