#include "tls/pem.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace sluice::tls {

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

std::vector<X509Ptr> read_certificates(const std::string& file, std::string& error) {
  std::vector<X509Ptr> out;
  const BioPtr bio = open_pem(file, error);
  if (bio == nullptr) return out;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr))
    out.emplace_back(next);
  // The end of the file is reported as an error too.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string why = last_error();
  if (!out.empty() && at_end) return out;
  error = (out.empty() ? "no certificate in " : "a damaged certificate in ") + file + " (" + why + ")";
  out.clear();
  return out;
}

}  // namespace sluice::tls
