#include "http2/huffman.hpp"

#include "unit/http2/octets.hpp"

#include <memory>
#include <optional>
#include <random>
#include <string>

#include <catch2/catch.hpp>
#include <nghttp2/nghttp2.h>

using namespace sluice;
using namespace sluice::http2;
using namespace sluice::test;

namespace {

// Both ways in memory of exactly its size, so that a step beyond it is seen.
std::optional<std::string> decoded(std::string_view text) {
  const std::unique_ptr<char[]> in(new char[text.size()]);
  std::copy(text.begin(), text.end(), in.get());
  const std::unique_ptr<char[]> out(new char[huffman_room(text.size())]);
  const auto size = huffman_decode({in.get(), text.size()}, out.get());
  if (!size) return std::nullopt;
  return std::string(out.get(), *size);
}

std::string encoded(std::string_view text) {
  const std::size_t size = huffman_size(text);
  const std::unique_ptr<char[]> out(new char[size]);
  huffman_encode(text, out.get());
  return {out.get(), size};
}

// The same by nghttp2: as the value of a literal field.
std::optional<std::string> decoded_by_nghttp2(std::string_view text) {
  REQUIRE(text.size() < 127);
  std::string block = octets("00 01 61");
  block += static_cast<char>(0x80U | text.size());
  block += text;
  nghttp2_hd_inflater* inflater = nullptr;
  REQUIRE(nghttp2_hd_inflate_new(&inflater) == 0);
  nghttp2_nv nv{};
  int flags = 0;
  const auto taken = nghttp2_hd_inflate_hd2(
      inflater, &nv, &flags, reinterpret_cast<const std::uint8_t*>(block.data()), block.size(), 1);
  std::optional<std::string> out;
  if (taken >= 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
    out = std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen);
  nghttp2_hd_inflate_del(inflater);
  return out;
}

}  // namespace

TEST_CASE("the Huffman-coded texts of RFC 7541 Appendix C", "[http2][huffman]") {
  const struct {
    const char* text;
    const char* code;
  } cases[] = {
      {"www.example.com", "f1e3 c2e5 f23a 6ba0 ab90 f4ff"},
      {"no-cache", "a8eb 1064 9cbf"},
      {"custom-key", "25a8 49e9 5ba9 7d7f"},
      {"custom-value", "25a8 49e9 5bb8 e8b4 bf"},
      {"302", "6402"},
      {"private", "aec3 771a 4b"},
      {"Mon, 21 Oct 2013 20:13:21 GMT", "d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff"},
      {"https://www.example.com", "9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3"},
      {"gzip", "9bd9 ab"},
      {"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
       "94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 "
       "b106 3d50 07"},
      {"", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(hex(encoded(c.text)) == hex(octets(c.code)));
    CHECK(decoded(octets(c.code)) == c.text);
  }
}

TEST_CASE("every byte has nghttp2's code", "[http2][huffman]") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    for (const std::size_t count : {1U, 2U, 3U, 9U, 30U}) {
      const std::string text(count, static_cast<char>(byte));
      const std::string code = encoded(text);
      CHECK((decoded_by_nghttp2(code) == text));
      CHECK((decoded(code) == text));
    }
  }
}

TEST_CASE("texts come back from the Huffman code", "[http2][huffman]") {
  std::mt19937 random(1);
  const std::string_view alphabets[] = {
      "0123456789",
      "abcdefghijklmnopqrstuvwxyz0123456789-",
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 /;=,.()%&?_\"",
      "01Z~{}|\\<>@#$^`\xc3\xa4\xe2\x82\xac\x01\x7f",
  };
  for (std::size_t size = 0; size < 300; ++size) {
    for (const std::string_view alphabet : alphabets) {
      std::string text;
      for (std::size_t i = 0; i < size; ++i)
        text += alphabet[random() % alphabet.size()];
      const std::string code = encoded(text);
      CHECK((decoded(code) == text));
      if (code.size() < 127) CHECK((decoded_by_nghttp2(code) == text));
    }
  }
}

TEST_CASE("the room for decoding is enough for the shortest codes", "[http2][huffman]") {
  for (std::size_t size = 0; size < 100; ++size) {
    const std::string text(size, '0');
    CHECK(huffman_room(encoded(text).size()) > size);
    CHECK((decoded(encoded(text)) == text));
  }
}

TEST_CASE("padding is up to 7 bits of EOS", "[http2][huffman]") {
  // "0" is 00000.
  CHECK(decoded(octets("07")) == "0");
  for (const char* wrong : {"00", "01", "02", "03", "04", "05", "06"}) {
    CAPTURE(wrong);
    CHECK_FALSE(decoded(octets(wrong)));
  }
  // A whole byte of padding, or of nothing else.
  CHECK_FALSE(decoded(octets("07 ff")));
  CHECK_FALSE(decoded(octets("ff")));
  CHECK_FALSE(decoded(octets("ff ff")));
  CHECK_FALSE(decoded(octets("ff ff ff")));
  // "0000 000" is 35 bits; 5 bits of padding make it 5 bytes.
  CHECK(decoded(octets("00 00 00 00 1f")) == "0000000");
  CHECK_FALSE(decoded(octets("00 00 00 00 1e")));
  CHECK_FALSE(decoded(octets("00 00 00 00 0f")));
  // None; and 7 bits.
  CHECK(decoded(octets("f8")) == "&");
  CHECK(decoded(encoded("?")) == "?");
  CHECK(decoded(octets("f8 07")) == "&0");
  CHECK(decoded(encoded("AA0b")) == "AA0b");
}

TEST_CASE("at any place, padding and EOS are told from text", "[http2][huffman]") {
  for (std::size_t before = 0; before < 40; ++before) {
    CAPTURE(before);
    // 8 times "0" are 40 bits, so that what follows begins with a byte.
    const std::string zeros = encoded(std::string(before * 8, '0'));
    CHECK(decoded(zeros + octets("f8")) == std::string(before * 8, '0') + "&");
    for (const char* wrong : {"ff", "ff ff", "ff ff ff", "ff ff ff ff", "ff ff ff fc", "ff ff ff fc 07",
                              "f8 ff", "f9 00", "fe", "fd ff ff", "8e", "ff ff ff ff ff ff ff ff",
                              "ff ff ff ff 00 00 00 00 00 00 00 00 07", "f8 ff ff ff fc 07 00 00 00 00"}) {
      CAPTURE(wrong);
      CHECK_FALSE(decoded(zeros + octets(wrong)));
    }
  }
}

TEST_CASE("a code cut off is no text", "[http2][huffman]") {
  // 28 bits of 0xfe, which is 1111 1111 1111 1111 1111 1110 1111.
  const std::string code = encoded("\x02");
  REQUIRE(code.size() == 4);
  CHECK(decoded(code) == "\x02");
  for (std::size_t size = 1; size < 4; ++size) {
    CHECK_FALSE(decoded(code.substr(0, size)));
    CHECK_FALSE(decoded("\xf8" + code.substr(0, size)));
  }
}

TEST_CASE("arbitrary bytes are Huffman code to both or to neither", "[http2][huffman]") {
  std::mt19937 random(2);
  int good = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes(random() % 24, '\0');
    // Half of them with many ones, which is where the long codes, EOS and padding are.
    for (char& c : bytes)
      c = static_cast<char>(i % 2 == 0 ? random() : random() | random() | random());
    const auto ours = decoded(bytes);
    CHECK((ours == decoded_by_nghttp2(bytes)));
    good += ours ? 1 : 0;
  }
  CHECK(good > 1000);
}
