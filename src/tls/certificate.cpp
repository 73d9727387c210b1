#include "sluice/tls/certificate.hpp"

#include "tls/pem.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace sluice::tls {
namespace {

std::time_t to_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

void collect_names(X509* leaf, std::vector<std::string>& out) {
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  if (names == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    out.push_back(lower({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  GENERAL_NAMES_free(names);
}

bool read_chain(const std::string& file, KnownCertificates& known, Identity& out, LoadFailure& failure) {
  std::vector<X509Ptr> all = read_certificates(file, Wanted::certificate, known, failure.message);
  if (all.empty()) return false;
  out.leaf = std::move(all.front());
  out.chain.reset(sk_X509_new_null());
  for (std::size_t i = 1; i < all.size(); ++i)
    sk_X509_push(out.chain.get(), all[i].release());
  return true;
}

// As the certificate says what the key must be; what is not is left to OpenSSL's own search, which is slow,
// but knows what is wrong with it.
KeyPtr decode_key(BIO* bio, KeyReader& keys, X509* leaf) {
  const EVP_PKEY* wanted = X509_get0_pubkey(leaf);
  const char* type = wanted != nullptr ? EVP_PKEY_get0_type_name(wanted) : nullptr;
  KeyPtr key = type != nullptr ? keys.read(bio, type) : nullptr;
  if (key == nullptr && BIO_seek(bio, 0) == 0)
    key.reset(PEM_read_bio_PrivateKey(bio, nullptr, &no_passphrase, nullptr));
  return key;
}

bool read_key(const std::string& file, KeyReader& keys, Identity& out, LoadFailure& failure) {
  failure.key_file = true;
  const BioPtr bio = open_pem(file, failure.message);
  if (bio == nullptr) return false;
  out.key = decode_key(bio.get(), keys, out.leaf.get());
  if (out.key == nullptr) {
    failure.message = "no usable private key in " + file + what_it_holds(bio.get(), Wanted::key);
    return false;
  }
  if (X509_check_private_key(out.leaf.get(), out.key.get()) != 1) {
    ERR_clear_error();
    failure.message = "the key in " + file + " does not belong to the certificate in " + out.cert_file;
    return false;
  }
  return true;
}

// Why no connection may use it, which otherwise each handshake would find; empty when one may.
std::string refusal(const Identity& identity) {
  constexpr std::array kLeastRsaBits{0, 1024, 2048, 3072, 7680, 15360};  // by OpenSSL's security level
  static const std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>> probe(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_cert_and_key(probe.get(), identity.leaf.get(), identity.key.get(), nullptr, 1) == 1)
    return {};
  ERR_clear_error();
  const auto level = static_cast<std::size_t>(SSL_CTX_get_security_level(probe.get()));
  const int bits = EVP_PKEY_get_bits(identity.key.get());
  const bool rsa = EVP_PKEY_get_base_id(identity.key.get()) == EVP_PKEY_RSA;
  if (rsa && level < kLeastRsaBits.size() && bits < kLeastRsaBits[level]) {
    return "the key in " + identity.key_file + " is too weak: it has " + std::to_string(bits) +
           " bits, and RSA needs " + std::to_string(kLeastRsaBits[level]) + " or more";
  }
  return "OpenSSL refuses the key in " + identity.key_file + " as too weak for the default security level";
}

// What follows the first label, with its dot; nothing when there is no label, or only one.
std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
}

std::string key_type_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC: return "ECDSA";
    case EVP_PKEY_RSA: return "RSA";
    case EVP_PKEY_ED25519: return "Ed25519";
    default: return "other";
  }
}

}  // namespace

Fingerprint fingerprint_of(const X509* certificate) {
  Fingerprint out{};
  if (X509_digest(certificate, EVP_sha256(), out.data(), nullptr) != 1) std::abort();  // out of memory
  return out;
}

bool Identity::covers(std::string_view host) const {
  const std::string_view parent = parent_of(host);
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
    if (name == host) return true;
    return !parent.empty() && name.starts_with("*.") && name.substr(1) == parent;
  });
}

FileStamp FileStamp::of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
          static_cast<std::uint64_t>(info.st_size), info.st_ino};
}

struct IdentityLoader::Decoded {
  KnownCertificates certificates;
  KeyReader keys;
};

IdentityLoader::IdentityLoader() : decoded_(std::make_unique<Decoded>()) {}
IdentityLoader::~IdentityLoader() = default;

std::shared_ptr<const Identity> IdentityLoader::load(const std::string& cert_file,
                                                     const std::string& key_file, LoadFailure& failure) {
  auto out = std::make_shared<Identity>();
  out->cert_file = cert_file;
  out->key_file = key_file;
  // Before reading: a file replaced in between is then seen as changed next time.
  out->cert_stamp = FileStamp::of(cert_file);
  out->key_stamp = FileStamp::of(key_file);
  failure = {};
  if (!read_chain(cert_file, decoded_->certificates, *out, failure) ||
      !read_key(key_file, decoded_->keys, *out, failure)) {
    return nullptr;
  }
  collect_names(out->leaf.get(), out->names);
  if (out->names.empty()) {
    failure = {false, "the certificate in " + cert_file +
                          " names no DNS host; clients go by its subjectAltName alone"};
    return nullptr;
  }
  failure = {true, refusal(*out)};
  if (!failure.message.empty()) return nullptr;
  out->fingerprint = fingerprint_of(out->leaf.get());
  out->not_before = to_time(X509_get0_notBefore(out->leaf.get()));
  out->not_after = to_time(X509_get0_notAfter(out->leaf.get()));
  out->key_type = key_type_of(out->key.get());
  return out;
}

void CertificateIndex::add(std::shared_ptr<const Identity> identity) {
  for (const std::string& name : identity->names) {
    Choice& choice = by_name_[name];
    const bool have = std::any_of(choice.begin(), choice.end(), [&](const Identity* other) {
      return other->key_type == identity->key_type;
    });
    if (!have) choice.push_back(identity.get());
  }
  if (identities_.empty()) fallback_ = {identity.get()};
  identities_.push_back(std::move(identity));
}

const CertificateIndex::Choice* CertificateIndex::look_up(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

const CertificateIndex::Choice* CertificateIndex::look_up_wildcard(std::string_view name) const {
  char wildcard[256] = "*";
  const std::string_view parent = parent_of(name);
  if (parent.empty() || parent.size() >= sizeof wildcard - 1) return nullptr;
  const std::size_t size = parent.copy(wildcard + 1, parent.size());
  return look_up({wildcard, size + 1});
}

const CertificateIndex::Choice* CertificateIndex::find(std::string_view name) const {
  if (const Choice* exact = look_up(name)) return exact;
  const Choice* wildcard = look_up_wildcard(name);
  return wildcard != nullptr ? wildcard : &fallback_;
}

bool CertificateIndex::covers(std::string_view name) const {
  if (look_up(name) != nullptr) return true;
  return !name.starts_with("*.") && look_up_wildcard(name) != nullptr;
}

}  // namespace sluice::tls
