// Keys and certificates made on the spot, so that no test depends on files that expire.
#pragma once

#include "sluice/tls/certificate.hpp"

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace sluice::test {

inline tls::KeyPtr make_key(const std::string& type) {
  if (type == "RSA") return tls::KeyPtr(EVP_RSA_gen(2048));
  if (type == "RSA1024") return tls::KeyPtr(EVP_RSA_gen(1024));
  if (type == "Ed25519") return tls::KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  return tls::KeyPtr(EVP_EC_gen("P-256"));
}

inline void add_extension(X509* cert, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

// Self-signed; `names` as OpenSSL writes them: "DNS:a.example" or "IP:127.0.0.1".
inline tls::X509Ptr make_certificate(EVP_PKEY* key, const std::vector<std::string>& names,
                                     long from_seconds = -3600, long to_seconds = 3600) {
  static long serial = 0;
  tls::X509Ptr cert(X509_new());
  X509_set_version(cert.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), to_seconds);
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1,
                             0);
  X509_set_issuer_name(cert.get(), name);
  X509_set_pubkey(cert.get(), key);
  std::string list;
  for (const std::string& each : names)
    list += (list.empty() ? "" : ",") + each;
  if (!list.empty()) add_extension(cert.get(), NID_subject_alt_name, list);
  const EVP_MD* digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  REQUIRE(X509_sign(cert.get(), key, digest) > 0);
  return cert;
}

// In memory, as IdentityLoader would give it; `names` without "DNS:".
inline std::shared_ptr<const tls::Identity> make_identity(const std::vector<std::string>& names,
                                                          const std::string& type = "ECDSA") {
  auto out = std::make_shared<tls::Identity>();
  out->key = make_key(type);
  std::vector<std::string> written;
  for (const std::string& name : names)
    written.push_back("DNS:" + name);
  out->leaf = make_certificate(out->key.get(), written);
  out->fingerprint = tls::fingerprint_of(out->leaf.get());
  out->chain.reset(sk_X509_new_null());
  out->names = names;
  out->key_type = type;
  return out;
}

// A directory that is gone with the test.
class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/sluice-unit-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = file(name);
    FILE* out = std::fopen(path.c_str(), "w");
    REQUIRE(out != nullptr);
    std::fwrite(text.data(), 1, text.size(), out);
    std::fclose(out);
    return path;
  }
  std::string write(const std::string& name, const std::vector<X509*>& certs) const {
    const std::string path = file(name);
    FILE* out = std::fopen(path.c_str(), "w");
    REQUIRE(out != nullptr);
    for (X509* cert : certs)
      PEM_write_X509(out, cert);
    std::fclose(out);
    return path;
  }
  // Under `passphrase` when there is one.
  std::string write(const std::string& name, EVP_PKEY* key, std::string passphrase = {}) const {
    const std::string path = file(name);
    FILE* out = std::fopen(path.c_str(), "w");
    REQUIRE(out != nullptr);
    auto* secret = reinterpret_cast<unsigned char*>(passphrase.data());
    const bool plain = passphrase.empty();
    PEM_write_PrivateKey(out, key, plain ? nullptr : EVP_aes_256_cbc(), plain ? nullptr : secret,
                         static_cast<int>(passphrase.size()), nullptr, nullptr);
    std::fclose(out);
    return path;
  }

 private:
  std::string path_;
};

}  // namespace sluice::test
