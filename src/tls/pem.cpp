#include "tls/pem.hpp"

#include "sluice/base/file_error.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace sluice::tls {
namespace {

// Of a file that is not what it should be: enough to tell what it is.
constexpr std::size_t kLongestLook = 64 * 1024;

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
  errno = 0;
  BioPtr bio(BIO_new_file(file.c_str(), "r"));
  int failed = bio == nullptr ? errno : 0;
  struct stat info {};
  if (bio != nullptr && ::stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) failed = EISDIR;
  if (failed == 0) return bio;
  ERR_clear_error();
  error = "cannot read " + file + ": " + file_error(failed);
  return nullptr;
}

std::string what_it_holds(BIO* bio, Wanted wanted) {
  ERR_clear_error();
  std::string text(kLongestLook, '\0');
  const int got = BIO_seek(bio, 0) == 0 ? BIO_read(bio, text.data(), static_cast<int>(text.size())) : 0;
  text.resize(static_cast<std::size_t>(std::max(got, 0)));
  const auto holds = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  const bool key = holds("PRIVATE KEY-----");
  const bool certificate =
      holds("-----BEGIN CERTIFICATE-----") || holds("-----BEGIN TRUSTED CERTIFICATE-----");
  std::string out;
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    out = ": it is empty";
  } else if (!holds("-----BEGIN ")) {
    const bool der = text.front() == '\x30';
    out = der ? ": it is DER or PKCS #12, not PEM; \"openssl x509\", \"openssl pkey\" or \"openssl pkcs12\" "
                "make PEM of it"
              : ": it is no PEM file, which would have a line \"-----BEGIN …-----\"";
  } else if (wanted == Wanted::key && holds("BEGIN OPENSSH PRIVATE KEY")) {
    out =
        ": it is a key of OpenSSH, where PEM (PKCS #8) is needed; \"ssh-keygen -p -m PKCS8 -f FILE\" makes "
        "that of "
        "a copy";
  } else if (wanted == Wanted::key && (holds("ENCRYPTED PRIVATE KEY") || holds("Proc-Type: 4,ENCRYPTED"))) {
    out =
        ": it needs a passphrase, which nobody types at a start; write it without one, by \"openssl pkey -in "
        "OLD -out NEW\"";
  } else if (wanted == Wanted::key && certificate && !key) {
    out = ": it holds a certificate; are \"cert\" and \"key\" swapped?";
  } else if (wanted != Wanted::key && key && !certificate) {
    out = ": it holds a private key";
    if (wanted == Wanted::certificate) out += "; are \"cert\" and \"key\" swapped?";
  } else if (wanted != Wanted::key && holds("CERTIFICATE REQUEST-----")) {
    out = ": it holds a request; what the authority made of it is needed";
  } else if (holds("PUBLIC KEY-----") && !key) {
    out = ": it holds a public key";
  } else if (wanted == Wanted::key ? key : certificate) {
    out = ": what it holds is damaged";
  }
  OPENSSL_cleanse(text.data(), text.size());
  return out;
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

std::vector<X509Ptr> read_certificates(const std::string& file, Wanted wanted, KnownCertificates& known,
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
  ERR_clear_error();
  if (!out.empty() && at_end) return out;
  const std::size_t good = out.size();
  out.clear();
  error = good != 0 ? "a damaged certificate in " + file + ": number " + std::to_string(good + 1)
                    : "no certificate in " + file + what_it_holds(bio.get(), wanted);
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
