// Reading certificates and keys from files.
#include "sluice/tls/certificate.hpp"

#include "unit/tls/certificates.hpp"

#include <ctime>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::tls;
using namespace sluice::test;

namespace {

struct Files {
  TempDir dir;
  std::string cert;
  std::string key;
  explicit Files(const std::vector<std::string>& names = {"DNS:a.example"},
                 const std::string& type = "ECDSA") {
    const KeyPtr made = make_key(type);
    const X509Ptr leaf = make_certificate(made.get(), names);
    cert = dir.write("a.pem", {leaf.get()});
    key = dir.write("a.key", made.get());
  }
};

std::string failure_of(const std::string& cert, const std::string& key, bool& blames_key) {
  LoadFailure failure;
  const auto identity = IdentityLoader().load(cert, key, failure);
  CHECK(identity == nullptr);
  blames_key = failure.key_file;
  return failure.message;
}

}  // namespace

TEST_CASE("a certificate and its key are read", "[tls][certificate]") {
  for (const char* type : {"ECDSA", "RSA", "Ed25519"}) {
    CAPTURE(type);
    const Files files({"DNS:A.Example", "DNS:*.b.example", "IP:127.0.0.1", "email:x@y.z"}, type);
    LoadFailure failure;
    const auto identity = IdentityLoader().load(files.cert, files.key, failure);
    REQUIRE(identity != nullptr);
    CHECK(failure.message.empty());
    CHECK(identity->names == std::vector<std::string>{"a.example", "*.b.example"});
    CHECK(identity->key_type == type);
    CHECK(identity->cert_file == files.cert);
    CHECK(sk_X509_num(identity->chain.get()) == 0);
    const std::time_t now = std::time(nullptr);
    CHECK(std::abs(identity->not_before - (now - 3600)) <= 10);
    CHECK(std::abs(identity->not_after - (now + 3600)) <= 10);
  }
}

TEST_CASE("what follows the certificate in its file is the chain", "[tls][certificate]") {
  const TempDir dir;
  const KeyPtr key = make_key("ECDSA");
  const KeyPtr other = make_key("ECDSA");
  const X509Ptr leaf = make_certificate(key.get(), {"DNS:a.example"});
  const X509Ptr middle = make_certificate(other.get(), {"DNS:middle"});
  const X509Ptr root = make_certificate(other.get(), {"DNS:root"});
  LoadFailure failure;
  const auto identity = IdentityLoader().load(dir.write("a.pem", {leaf.get(), middle.get(), root.get()}),
                                              dir.write("a.key", key.get()), failure);
  REQUIRE(identity != nullptr);
  CHECK(X509_cmp(identity->leaf.get(), leaf.get()) == 0);
  REQUIRE(sk_X509_num(identity->chain.get()) == 2);
  CHECK(X509_cmp(sk_X509_value(identity->chain.get(), 0), middle.get()) == 0);
  CHECK(identity->names == std::vector<std::string>{"a.example"});
}

TEST_CASE("a damaged certificate in the chain is refused, not left out", "[tls][certificate]") {
  const Files files;
  FILE* more = std::fopen(files.cert.c_str(), "a");
  std::fputs("-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n", more);
  std::fclose(more);
  bool key = true;
  CHECK(failure_of(files.cert, files.key, key).find("a damaged certificate in " + files.cert) == 0);
  CHECK_FALSE(key);
}

TEST_CASE("files that are something else are told apart, in words", "[tls][certificate]") {
  const Files files;
  const KeyPtr other = make_key("ECDSA");
  const auto about = [&](const std::string& cert, const std::string& key) {
    bool ignored = false;
    const std::string text = failure_of(cert, key, ignored);
    CHECK(text.find("error:") == std::string::npos);  // OpenSSL's own words
    return text.substr(text.find(": ") + 2);
  };
  const auto file = [&](const std::string& text) { return files.dir.write("other", text); };
  CHECK(about(files.key, files.cert) == "it holds a private key; are \"cert\" and \"key\" swapped?");
  CHECK(about(files.cert, files.cert) == "it holds a certificate; are \"cert\" and \"key\" swapped?");
  CHECK(about(file(""), files.key) == "it is empty");
  CHECK(about(files.cert, file("")) == "it is empty");
  CHECK(about(file("hello\n"), files.key) ==
        "it is no PEM file, which would have a line \"-----BEGIN …-----\"");
  CHECK(about(file(std::string("\x30\x82\x01\x0a", 4)), files.key).find("it is DER or PKCS #12, not PEM; ") ==
        0);
  CHECK(
      about(file("-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"), files.key)
          .find("it holds a request") == 0);
  CHECK(about(files.cert, file("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n")) ==
        "it holds a public key");
  CHECK(about(files.cert, file("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n")) ==
        "what it holds is damaged");
  const std::string ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nMA==\n-----END OPENSSH PRIVATE KEY-----\n";
  CHECK(about(files.cert, file(ssh)).find("it is a key of OpenSSH, where PEM (PKCS #8) is needed") == 0);
  CHECK(
      about(files.cert, files.dir.write("sealed.key", other.get(), "secret")).find("it needs a passphrase") ==
      0);
  bool blames_key = false;
  CHECK(failure_of(files.cert, "/nonexistent/a.key", blames_key) ==
        "cannot read /nonexistent/a.key: No such file or directory");
  CHECK(blames_key);
}

TEST_CASE("of a key that is too short the length it needs is said", "[tls][certificate]") {
  const Files files({"DNS:a.example"}, "RSA1024");
  LoadFailure failure;
  // A system may have a lower security level.
  if (IdentityLoader().load(files.cert, files.key, failure) != nullptr) return;
  CHECK(failure.message.find("is too weak: it has 1024 bits, and RSA needs ") != std::string::npos);
  CHECK(failure.key_file);
}

TEST_CASE("certificate and key may share a file", "[tls][certificate]") {
  const TempDir dir;
  const KeyPtr key = make_key("ECDSA");
  const X509Ptr leaf = make_certificate(key.get(), {"DNS:a.example"});
  const std::string path = dir.write("both.pem", {leaf.get()});
  FILE* more = std::fopen(path.c_str(), "a");
  PEM_write_PrivateKey(more, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(more);
  LoadFailure failure;
  CHECK(IdentityLoader().load(path, path, failure) != nullptr);
}

TEST_CASE("a key is read in each form that there is", "[tls][certificate]") {
  IdentityLoader loader;  // the same for all: what was read before changes nothing
  for (const char* type : {"ECDSA", "RSA", "Ed25519", "ECDSA", "RSA"}) {
    CAPTURE(type);
    const TempDir dir;
    const KeyPtr key = make_key(type);
    const X509Ptr leaf = make_certificate(key.get(), {"DNS:a.example"});
    const std::string cert = dir.write("a.pem", {leaf.get()});
    LoadFailure failure;
    CHECK(loader.load(cert, dir.write("other.key", make_key(type).get()), failure) == nullptr);
    CHECK(loader.load(cert, dir.write("sealed.key", key.get(), "secret"), failure) == nullptr);
    const auto as_pkcs8 = loader.load(cert, dir.write("pkcs8.key", key.get()), failure);
    REQUIRE(as_pkcs8 != nullptr);
    CHECK(EVP_PKEY_eq(as_pkcs8->key.get(), key.get()) == 1);
    if (std::string_view(type) == "Ed25519") continue;  // has no form of its own
    const std::string path = dir.file("own.key");
    FILE* out = std::fopen(path.c_str(), "w");
    // What openssl ecparam -genkey puts before the key.
    if (std::string_view(type) == "ECDSA")
      std::fputs("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", out);
    BIO* pem = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(pem, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(pem, &text);
    std::fwrite(text, 1, static_cast<std::size_t>(size), out);
    std::fclose(out);
    BIO_free(pem);
    const auto in_own_form = loader.load(cert, path, failure);
    REQUIRE(in_own_form != nullptr);
    CHECK(EVP_PKEY_eq(in_own_form->key.get(), key.get()) == 1);
    CHECK(ERR_peek_error() == 0);
  }
}

TEST_CASE("what several chains have in common is held once", "[tls][certificate]") {
  const TempDir dir;
  const KeyPtr key = make_key("ECDSA");
  const X509Ptr issuer = make_certificate(make_key("ECDSA").get(), {"DNS:issuer"});
  const X509Ptr a = make_certificate(key.get(), {"DNS:a.example"});
  const X509Ptr b = make_certificate(key.get(), {"DNS:b.example"});
  const std::string key_file = dir.write("key", key.get());
  const std::string a_file = dir.write("a.pem", std::vector{a.get(), issuer.get()});
  const std::string b_file = dir.write("b.pem", std::vector{b.get(), issuer.get()});
  LoadFailure failure;
  auto loader = std::make_unique<IdentityLoader>();
  const auto of_a = loader->load(a_file, key_file, failure);
  const auto of_b = loader->load(b_file, key_file, failure);
  loader.reset();  // what it gave stays
  REQUIRE(of_a != nullptr);
  REQUIRE(of_b != nullptr);
  REQUIRE(sk_X509_num(of_b->chain.get()) == 1);
  CHECK(X509_cmp(sk_X509_value(of_b->chain.get(), 0), issuer.get()) == 0);
  CHECK(sk_X509_value(of_a->chain.get(), 0) == sk_X509_value(of_b->chain.get(), 0));
  CHECK(X509_cmp(of_a->leaf.get(), a.get()) == 0);
  CHECK(X509_cmp(of_b->leaf.get(), b.get()) == 0);
}

TEST_CASE("the file to blame is named", "[tls][certificate]") {
  const Files files;
  bool key = false;
  CHECK(failure_of("/nonexistent/a.pem", files.key, key).find("/nonexistent/a.pem") != std::string::npos);
  CHECK_FALSE(key);
  CHECK(failure_of(files.cert, "/nonexistent/a.key", key).find("/nonexistent/a.key") != std::string::npos);
  CHECK(key);
  const std::string text = files.dir.write("text", std::string("not a certificate\n"));
  CHECK(failure_of(text, files.key, key).find(text) != std::string::npos);
  CHECK_FALSE(key);
  CHECK(failure_of(files.cert, text, key).find(text) != std::string::npos);
  CHECK(key);
  const std::string empty = files.dir.write("empty", std::string());
  failure_of(empty, files.key, key);
  CHECK_FALSE(key);
  failure_of(files.dir.path(), files.key, key);
  CHECK_FALSE(key);
  failure_of(files.cert, files.cert, key);
  CHECK(key);
  CHECK(ERR_peek_error() == 0);  // nothing is left for the next TLS connection of this thread to trip over
}

TEST_CASE("a key of another certificate is refused", "[tls][certificate]") {
  const Files files;
  bool key = false;
  for (const char* type : {"ECDSA", "RSA"}) {
    const std::string other = files.dir.write("other.key", make_key(type).get());
    CHECK(failure_of(files.cert, other, key).find("does not belong") != std::string::npos);
    CHECK(key);
  }
}

TEST_CASE("a key under a passphrase is refused, without asking for it", "[tls][certificate]") {
  const Files files;
  bool key = false;
  const std::string sealed = files.dir.write("sealed.key", make_key("ECDSA").get(), "secret");
  failure_of(files.cert, sealed, key);
  CHECK(key);
}

TEST_CASE("a certificate that names no host is refused", "[tls][certificate]") {
  bool key = true;
  for (const auto& names : std::vector<std::vector<std::string>>{{}, {"IP:127.0.0.1"}}) {
    const Files files(names);
    CHECK(failure_of(files.cert, files.key, key).find("DNS") != std::string::npos);
    CHECK_FALSE(key);
  }
}

TEST_CASE("a replaced file is noticed", "[tls][certificate]") {
  const Files files;
  LoadFailure failure;
  const auto identity = IdentityLoader().load(files.cert, files.key, failure);
  REQUIRE(identity != nullptr);
  CHECK(identity->files_unchanged());
  SECTION("the key, by a rename as certificate tools do it") {
    const std::string fresh = files.dir.write("fresh", make_key("ECDSA").get());
    std::filesystem::rename(fresh, files.key);
    CHECK_FALSE(identity->files_unchanged());
  }
  SECTION("the certificate, by its time alone") {
    std::filesystem::last_write_time(files.cert,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    CHECK_FALSE(identity->files_unchanged());
  }
  SECTION("a file that is gone") {
    std::filesystem::remove(files.cert);
    CHECK_FALSE(identity->files_unchanged());
  }
}
