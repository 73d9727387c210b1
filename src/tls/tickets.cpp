#include "sluice/tls/server_context.hpp"

#include <cstdlib>
#include <cstring>
#include <mutex>

#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace sluice::tls {

TicketKeys::Key::~Key() {
  OPENSSL_cleanse(cipher.data(), cipher.size());
  OPENSSL_cleanse(mac.data(), mac.size());
}

TicketKeys::TicketKeys() {
  for (Key& key : keys_)
    key = make();
}

TicketKeys::Key TicketKeys::make() {
  Key key{};
  const bool ok = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                  RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1 &&
                  RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1;
  if (!ok) std::abort();  // no randomness, no TLS
  return key;
}

void TicketKeys::rotate() {
  const Key fresh = make();
  const std::unique_lock lock(mutex_);
  keys_[2] = keys_[1];
  keys_[1] = keys_[0];
  keys_[0] = fresh;
}

TicketKeys::Key TicketKeys::newest() const {
  const std::shared_lock lock(mutex_);
  return keys_[0];
}

bool TicketKeys::find(const unsigned char* name, Key& out, bool& old) const {
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (std::memcmp(keys_[i].name.data(), name, keys_[i].name.size()) != 0) continue;
    out = keys_[i];
    old = i != 0;
    return true;
  }
  return false;
}

}  // namespace sluice::tls
