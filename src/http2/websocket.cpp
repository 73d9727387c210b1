#include "http2/websocket.hpp"

#include <cstdlib>

#include <openssl/evp.h>
#include <openssl/rand.h>

namespace sluice::http2 {
namespace {

std::string_view base64(const unsigned char* bytes, std::size_t size, Arena& arena) {
  auto* out = arena.array<unsigned char>(size / 3 * 4 + 5);
  const int length = EVP_EncodeBlock(out, bytes, static_cast<int>(size));
  return {reinterpret_cast<const char*>(out), static_cast<std::size_t>(length)};
}

}  // namespace

std::string_view make_websocket_key(Arena& arena) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) std::abort();
  return base64(bytes, sizeof bytes, arena);
}

std::string_view websocket_accept(std::string_view key, Arena& arena) {
  const std::string_view text = arena.join({key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"});
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) std::abort();
  return base64(digest, size, arena);
}

}  // namespace sluice::http2
