// The certificates of a document, and what is to be said about them.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/config/load.hpp"
#include "sluice/tls/certificate.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace sluice::plan {

// A host that clients may ask for over TLS, and where that is written.
struct HostAt {
  std::string name;
  config::Position at;
  std::string path;
};

class Certificates {
 public:
  // `previous` lends those whose files have not changed; nullptr: there are none.
  Certificates(const config::Document& document, const tls::CertificateIndex* previous,
               config::Diagnostics& diagnostics);

  // All that can be used; the others are errors. Warns of those that expire soon.
  std::shared_ptr<const tls::CertificateIndex> load();
  void warn_uncovered(const tls::CertificateIndex& index, const std::vector<HostAt>& hosts);
  // Where `hosts` are all there are.
  void warn_useless(const tls::CertificateIndex& index, const std::vector<HostAt>& hosts);

 private:
  std::shared_ptr<const tls::Identity> identity(const config::Certificate& from, const std::string& path);
  std::shared_ptr<const tls::Identity> unchanged(const config::Certificate& wanted) const;

  const config::Document& doc_;
  config::Diagnostics& diagnostics_;
  std::unordered_map<std::string, std::shared_ptr<const tls::Identity>> known_;  // by both files
  tls::IdentityLoader loader_;
};

}  // namespace sluice::plan
