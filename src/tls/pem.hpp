// PEM files, as OpenSSL reads them.
#pragma once

#include "sluice/tls/certificate.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <openssl/bio.h>
#include <openssl/decoder.h>

namespace sluice::tls {

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;

// The file for reading; empty, with `error` set, when it cannot be opened.
BioPtr open_pem(const std::string& file, std::string& error);

// What a file holds instead of what it should, as the end of a message: ": it is empty", ": it holds a
// private key and no certificate; …". The file is read from its beginning.
enum class Wanted : std::uint8_t { certificate, key, authority };
std::string what_it_holds(BIO* bio, Wanted wanted);

// No prompt for a passphrase at 3 a.m.: what is encrypted is an error.
int no_passphrase(char* buffer, int size, int writing, void* user);

// Certificates by their DER, so that those in many files are decoded and held once.
using KnownCertificates = std::unordered_map<std::string, X509Ptr, TextHash, TextEqual>;

// Every certificate of a file, in its order; other blocks are passed over. `wanted` is no key. Empty, with
// `error` set, when the file cannot be read, holds none or a damaged one. The first is always decoded, for a
// leaf is in no other file; the others are looked for in `known`, and added to it.
std::vector<X509Ptr> read_certificates(const std::string& file, Wanted wanted, KnownCertificates& known,
                                       std::string& error);

// Reads private keys of known types. For each key, OpenSSL's own PEM_read_bio_PrivateKey() asks its providers
// anew for everything that might decode one, which takes 0.5 ms; this asks once for each type.
class KeyReader {
 public:
  KeyReader() = default;
  KeyReader(const KeyReader&) = delete;  // the decoders know where result_ is
  KeyReader& operator=(const KeyReader&) = delete;

  // The first private key in `bio`, if it is of `type` (as EVP_PKEY_get0_type_name() has it) and not under a
  // passphrase. Otherwise empty, and not worth an explanation: PEM_read_bio_PrivateKey() may still know it.
  KeyPtr read(BIO* bio, const char* type);

 private:
  using DecoderPtr = std::unique_ptr<OSSL_DECODER_CTX, Freer<OSSL_DECODER_CTX_free>>;
  OSSL_DECODER_CTX* decoder(std::string_view type);
  std::map<std::string, DecoderPtr, std::less<>> decoders_;
  EVP_PKEY* result_ = nullptr;
};

}  // namespace sluice::tls
