// The Huffman code of RFC 7541 Appendix B. No state, no allocation.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice::http2 {

// The room huffman_decode wants for `size` encoded bytes. The shortest code has 5 bits; and it writes two
// bytes at a time.
constexpr std::size_t huffman_room(std::size_t size) { return size * 8 / 5 + 1; }

// Decodes all of `in` to `out` and says how many bytes that are. Empty: it holds EOS, or ends with something
// else than up to 7 of the first bits of EOS (RFC 7541 §5.2).
std::optional<std::size_t> huffman_decode(std::string_view in, char* out);

// How long `text` is when encoded.
std::size_t huffman_size(std::string_view text);

// Writes the huffman_size(text) bytes.
void huffman_encode(std::string_view text, char* out);

}  // namespace sluice::http2
