#include "plan/certificates.hpp"

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <utility>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

constexpr std::time_t kExpirySoon = 14 * 24 * 60 * 60;
constexpr std::size_t kMostUncoveredNamed = 5;

std::string key_of(const std::string& cert, const std::string& key) { return cert + '\n' + key; }

}  // namespace

Certificates::Certificates(const config::Document& document, const tls::CertificateIndex* previous,
                           config::Diagnostics& diagnostics)
    : doc_(document), diagnostics_(diagnostics) {
  if (previous == nullptr) return;
  for (const auto& identity : previous->identities())
    known_.emplace(key_of(identity->cert_file, identity->key_file), identity);
}

std::shared_ptr<const tls::CertificateIndex> Certificates::load() {
  auto index = std::make_shared<tls::CertificateIndex>();
  if (!doc_.tls) return index;
  for (std::size_t i = 0; i < doc_.tls->certificates.size(); ++i) {
    const config::Certificate& written = doc_.tls->certificates[i];
    if (written.cert.value.empty() || written.key.value.empty()) continue;  // the reader has said why
    auto loaded = identity(written, fmt::format("tls.certificates[{}]", i));
    if (loaded != nullptr) index->add(std::move(loaded));
  }
  return index;
}

std::shared_ptr<const tls::Identity> Certificates::identity(const config::Certificate& from,
                                                            const std::string& path) {
  std::shared_ptr<const tls::Identity> out = unchanged(from);
  tls::LoadFailure failure;
  if (out == nullptr) out = loader_.load(from.cert.value, from.key.value, failure);
  if (out == nullptr) {
    const auto& blamed = failure.key_file ? from.key : from.cert;
    diagnostics_.add(blamed.at, path + (failure.key_file ? ".key" : ".cert"), failure.message);
    return nullptr;
  }
  const std::time_t left = out->not_after - std::time(nullptr);
  if (left < kExpirySoon) {
    const std::string when = left <= 0 ? "has expired" : fmt::format("expires in {} days", left / 86400);
    diagnostics_.warn(from.cert.at, path, fmt::format("the certificate {}", when));
  }
  if (out->not_before > std::time(nullptr)) {
    diagnostics_.warn(from.cert.at, path, "the certificate is not valid yet; is the clock right?");
  }
  return out;
}

std::shared_ptr<const tls::Identity> Certificates::unchanged(const config::Certificate& wanted) const {
  const auto found = known_.find(key_of(wanted.cert.value, wanted.key.value));
  return found != known_.end() && found->second->files_unchanged() ? found->second : nullptr;
}

void Certificates::warn_useless(const tls::CertificateIndex& index, const std::vector<HostAt>& hosts) {
  const auto of_use = [&](const tls::Identity& identity) {
    return std::any_of(hosts.begin(), hosts.end(), [&](const HostAt& host) {
      if (identity.covers(host.name)) return true;
      return host.name.starts_with('*') &&
             std::any_of(identity.names.begin(), identity.names.end(), [&](std::string_view name) {
               return name.ends_with(std::string_view(host.name).substr(1));
             });
    });
  };
  const auto& written = doc_.tls->certificates;
  for (const auto& identity : index.identities()) {
    if (of_use(*identity)) continue;
    const auto from = std::find_if(written.begin(), written.end(), [&](const config::Certificate& one) {
      return one.cert.value == identity->cert_file && one.key.value == identity->key_file;
    });
    diagnostics_.warn(from->cert.at, fmt::format("tls.certificates[{}]", from - written.begin()),
                      fmt::format("no host is configured that this certificate covers: {}",
                                  fmt::join(identity->names, ", ")));
  }
}

void Certificates::warn_uncovered(const tls::CertificateIndex& index, const std::vector<HostAt>& hosts) {
  std::vector<const HostAt*> uncovered;
  for (const HostAt& host : hosts) {
    if (!index.covers(host.name)) uncovered.push_back(&host);
  }
  const std::size_t named = std::min(uncovered.size(), kMostUncoveredNamed);
  for (std::size_t i = 0; i < named; ++i) {
    std::string text = fmt::format("no certificate covers {}", uncovered[i]->name);
    const std::size_t further = uncovered.size() - named;
    if (i + 1 == named && further != 0) text += fmt::format(", nor {} hosts further on", further);
    diagnostics_.warn(uncovered[i]->at, uncovered[i]->path, text);
  }
}

}  // namespace sluice::plan
