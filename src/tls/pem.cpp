#include "tls/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace sluice::tls {
namespace {

// What is in one block of a PEM file. Wiped when it goes, for it may be a key.
struct Block {
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { OPENSSL_clear_free(bytes, static_cast<std::size_t>(size)); }

  unsigned char* bytes = nullptr;
  long size = 0;

  // The next one that OpenSSL counts as `label`.
  bool read(BIO* bio, const char* label) {
    return PEM_bytes_read_bio(&bytes, &size, nullptr, label, bio, &no_passphrase, nullptr) == 1;
  }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
  }
};

X509Ptr decode(const Block& block) {
  const unsigned char* at = block.bytes;
  return X509Ptr(d2i_X509(nullptr, &at, block.size));
}

X509Ptr decode_once(const Block& block, KnownCertificates& known) {
  auto found = known.find(block.text());
  if (found == known.end()) {
    X509Ptr fresh = decode(block);
    if (fresh == nullptr) return nullptr;
    found = known.emplace(block.text(), std::move(fresh)).first;
  }
  X509_up_ref(found->second.get());
  return X509Ptr(found->second.get());
}

}  // namespace

BioPtr open_pem(const std::string& file, std::string& error) {
  BioPtr bio(BIO_new_file(file.c_str(), "r"));
  if (bio == nullptr) {
    ERR_clear_error();
    error = "cannot read " + file;
  }
  return bio;
}

std::string last_error() {
  char text[256] = "not PEM";
  if (const unsigned long code = ERR_peek_last_error(); code != 0)
    ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

std::vector<X509Ptr> read_certificates(const std::string& file, KnownCertificates& known,
                                       std::string& error) {
  std::vector<X509Ptr> out;
  const BioPtr bio = open_pem(file, error);
  if (bio == nullptr) return out;
  for (;;) {
    Block block;
    if (!block.read(bio.get(), PEM_STRING_X509)) break;
    X509Ptr next = out.empty() ? decode(block) : decode_once(block, known);
    if (next == nullptr) break;
    out.push_back(std::move(next));
  }
  // The end of the file is reported as an error too.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = last_error();
  if (!out.empty() && at_end) return out;
  error = (out.empty() ? "no certificate in " : "a damaged certificate in ") + file + " (" + why + ")";
  out.clear();
  return out;
}

OSSL_DECODER_CTX* KeyReader::decoder(std::string_view type) {
  const auto found = decoders_.find(type);
  if (found != decoders_.end()) return found->second.get();
  const std::string name(type);
  DecoderPtr made(OSSL_DECODER_CTX_new_for_pkey(&result_, "DER", nullptr, name.c_str(), EVP_PKEY_KEYPAIR,
                                                nullptr, nullptr));
  return decoders_.emplace(name, std::move(made)).first->second.get();
}

KeyPtr KeyReader::read(BIO* bio, const char* type) {
  Block block;
  OSSL_DECODER_CTX* const decoder = this->decoder(type);
  const bool ready = decoder != nullptr && block.read(bio, PEM_STRING_EVP_PKEY);
  const unsigned char* at = block.bytes;
  auto size = static_cast<std::size_t>(block.size);
  result_ = nullptr;
  if (ready && OSSL_DECODER_from_data(decoder, &at, &size) == 1) return KeyPtr(result_);
  ERR_clear_error();
  return KeyPtr(result_);
}

}  // namespace sluice::tls
