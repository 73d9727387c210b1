// PEM files, as OpenSSL reads them.
#pragma once

#include "sluice/tls/certificate.hpp"

#include <string>
#include <vector>

#include <openssl/bio.h>

namespace sluice::tls {

using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;

// The file for reading; empty, with `error` set, when it cannot be opened.
BioPtr open_pem(const std::string& file, std::string& error);

// Why OpenSSL failed; nothing is left for the next TLS connection of this thread to trip over.
std::string last_error();

// No prompt for a passphrase at 3 a.m.: what is encrypted is an error.
int no_passphrase(char* buffer, int size, int writing, void* user);

// Every certificate of a file, in its order; other blocks are passed over. Empty, with `error` set, when the
// file cannot be read, holds none or a damaged one.
std::vector<X509Ptr> read_certificates(const std::string& file, std::string& error);

}  // namespace sluice::tls
