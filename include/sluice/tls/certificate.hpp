// Certificates with their keys, and the index that finds one for a server name.
#pragma once

#include "sluice/base/text.hpp"

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <openssl/ssl.h>

namespace sluice::tls {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
inline void free_chain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }

using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), Freer<free_chain>>;

// What tells that a file is not the one read before.
struct FileStamp {
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
  static FileStamp of(const std::string& path);
};

// The SHA-256 of a certificate: which one it is, whatever file it came from.
using Fingerprint = std::array<unsigned char, 32>;
Fingerprint fingerprint_of(const X509* certificate);

// One certificate chain and its private key, as read from their files. Immutable, shared between generations
// of the configuration while the files stay the same, and with the connections on which it was shown.
struct Identity : std::enable_shared_from_this<Identity> {
  std::string cert_file;
  std::string key_file;
  FileStamp cert_stamp;
  FileStamp key_stamp;
  X509Ptr leaf;
  ChainPtr chain;  // without the leaf; may be empty
  KeyPtr key;
  Fingerprint fingerprint{};       // of the leaf
  std::vector<std::string> names;  // DNS names it covers, lower case; wildcards as "*.example.com"
  std::time_t not_before = 0;
  std::time_t not_after = 0;
  std::string key_type;  // "ECDSA", "RSA", "Ed25519"

  // Whether it is valid for `host`, in lower case: a wildcard stands for one whole label (RFC 9525 §6.3).
  bool covers(std::string_view host) const;
  bool files_unchanged() const {
    return FileStamp::of(cert_file) == cert_stamp && FileStamp::of(key_file) == key_stamp;
  }
};

// A failed load, and which of the two files is to blame.
struct LoadFailure {
  bool key_file = false;
  std::string message;
};

// Reads certificates with their keys. One loader for many of them keeps what OpenSSL needs to decode a key,
// which costs ten times the decoding, and holds the certificates that several chains have in common once. For
// one thread.
class IdentityLoader {
 public:
  IdentityLoader();
  ~IdentityLoader();
  IdentityLoader(const IdentityLoader&) = delete;
  IdentityLoader& operator=(const IdentityLoader&) = delete;

  // Refuses a key that does not belong to the certificate, and a certificate without a DNS name: empty, and
  // `failure` says why.
  std::shared_ptr<const Identity> load(const std::string& cert_file, const std::string& key_file,
                                       LoadFailure& failure);

 private:
  struct Decoded;
  std::unique_ptr<Decoded> decoded_;
};

// Finds the certificates for a server name: the exact name, then the wildcard of one label (RFC 9525 §6.3),
// then the first certificate of all. One hash look-up each, whatever the number of certificates.
class CertificateIndex {
 public:
  // The certificates for one name: one of each key type, OpenSSL picks by what the client can verify.
  using Choice = std::vector<const Identity*>;

  void add(std::shared_ptr<const Identity> identity);
  // Never empty unless the index is. `name` in lower case.
  const Choice* find(std::string_view name) const;
  // Whether `name` (which may be a wildcard itself) is covered, not merely answered by the first certificate.
  bool covers(std::string_view name) const;

  const std::vector<std::shared_ptr<const Identity>>& identities() const { return identities_; }
  bool empty() const { return identities_.empty(); }

 private:
  const Choice* look_up(std::string_view name) const;
  const Choice* look_up_wildcard(std::string_view name) const;

  std::vector<std::shared_ptr<const Identity>> identities_;
  std::unordered_map<std::string, Choice, TextHash, TextEqual> by_name_;
  Choice fallback_;
};

}  // namespace sluice::tls
