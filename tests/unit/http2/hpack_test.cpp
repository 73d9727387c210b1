#include "http2/hpack.hpp"

#include "unit/http2/octets.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <nghttp2/nghttp2.h>

using namespace sluice;
using namespace sluice::http2;
using namespace sluice::test;

namespace {

using Status = HpackDecoder::Status;

struct Header {
  std::string name;
  std::string value;
  bool operator==(const Header&) const = default;
};
using Headers = std::vector<Header>;

std::ostream& operator<<(std::ostream& out, const Header& header) {
  return out << header.name << ": " << header.value;
}

// The whole dynamic table, newest first.
Headers contents(const HpackTable& table) {
  Headers out;
  Arena arena;
  std::uint32_t size = 0;
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const HpackTable::Entry& entry = table.entry(i);
    out.push_back({std::string(table.copy_name(entry, arena)), std::string(table.copy_value(entry, arena))});
    size += 32 + entry.name_size + entry.value_size;
  }
  CHECK(size == table.size());
  CHECK(size <= table.limit());
  return out;
}

struct Decoded {
  Status end = Status::end;
  Headers fields;
  std::size_t sizes = 0;
};

// `block` in memory of exactly its size. Nothing read out of the arena refers to it.
Decoded decode(HpackDecoder& decoder, std::string_view block, Arena* arena) {
  std::unique_ptr<char[]> exact(new char[block.size()]);
  std::copy(block.begin(), block.end(), exact.get());
  std::vector<HpackField> fields;
  decoder.begin({exact.get(), block.size()});
  Decoded out;
  HpackField field;
  while ((out.end = decoder.next(arena, field)) == Status::field) {
    fields.push_back(field);
    out.sizes += field.name_size + field.value_size;
  }
  CHECK(decoder.next(arena, field) == out.end);  // what is over stays over
  exact.reset();
  if (arena == nullptr) return out;
  for (const HpackField& f : fields) {
    CHECK(f.name.size() == f.name_size);
    CHECK(f.value.size() == f.value_size);
    CHECK(f.id == http::field_id(f.name));
    out.fields.push_back({std::string(f.name), std::string(f.value)});
  }
  return out;
}

Decoded decode(HpackDecoder& decoder, std::string_view block) {
  Arena arena;
  return decode(decoder, block, &arena);
}

// Whether a block is refused, with and without an arena, by a decoder that knew `before`.
bool refused(std::string_view hex, std::string_view before = {}) {
  HpackDecoder decoder;
  HpackDecoder skipping;
  REQUIRE(decode(decoder, octets(before)).end == Status::end);
  REQUIRE(decode(skipping, octets(before), nullptr).end == Status::end);
  const Status status = decode(decoder, octets(hex)).end;
  CHECK(decode(skipping, octets(hex), nullptr).end == status);
  // It stays unusable.
  if (status == Status::error) CHECK(decode(decoder, octets("82")).end == Status::error);
  return status == Status::error;
}

std::string encode(HpackEncoder& encoder, const Headers& headers) {
  std::string out = "before";
  encoder.begin(out);
  for (const Header& header : headers)
    encoder.field(out, header.name, header.value, http::field_id(header.name));
  CHECK(out.starts_with("before"));
  return out.substr(6);
}

std::string encode(HpackEncoder& encoder, const std::string& name, const std::string& value) {
  return encode(encoder, {{name, value}});
}

struct Step {
  const char* block;
  Headers fields;
  Headers table;
  std::uint32_t size;
};

// A connection's blocks one after the other, with what must be in the table then.
void check(std::uint32_t limit, const std::vector<Step>& steps) {
  HpackDecoder decoder(limit);
  HpackDecoder skipping(limit);
  for (const Step& step : steps) {
    CAPTURE(step.block);
    const Decoded got = decode(decoder, octets(step.block));
    CHECK(got.end == Status::end);
    CHECK(got.fields == step.fields);
    CHECK(contents(decoder.table()) == step.table);
    CHECK(decoder.table().size() == step.size);
    const Decoded skipped = decode(skipping, octets(step.block), nullptr);
    CHECK(skipped.end == Status::end);
    CHECK(skipped.sizes == got.sizes);
    CHECK(contents(skipping.table()) == step.table);
  }
}

const Headers kRequest1 = {
    {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}};
const Headers kRequest2 = {{":method", "GET"},
                           {":scheme", "http"},
                           {":path", "/"},
                           {":authority", "www.example.com"},
                           {"cache-control", "no-cache"}};
const Headers kRequest3 = {{":method", "GET"},
                           {":scheme", "https"},
                           {":path", "/index.html"},
                           {":authority", "www.example.com"},
                           {"custom-key", "custom-value"}};
const Headers kRequestTable1 = {{":authority", "www.example.com"}};
const Headers kRequestTable2 = {{"cache-control", "no-cache"}, {":authority", "www.example.com"}};
const Headers kRequestTable3 = {
    {"custom-key", "custom-value"}, {"cache-control", "no-cache"}, {":authority", "www.example.com"}};

const Header kDate1 = {"date", "Mon, 21 Oct 2013 20:13:21 GMT"};
const Header kDate2 = {"date", "Mon, 21 Oct 2013 20:13:22 GMT"};
const Header kLocation = {"location", "https://www.example.com"};
const Header kCookie = {"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"};
const Headers kResponse1 = {{":status", "302"}, {"cache-control", "private"}, kDate1, kLocation};
const Headers kResponse2 = {{":status", "307"}, {"cache-control", "private"}, kDate1, kLocation};
const Headers kResponse3 = {{":status", "200"}, {"cache-control", "private"}, kDate2,
                            kLocation,          {"content-encoding", "gzip"}, kCookie};
const Headers kResponseTable1 = {kLocation, kDate1, {"cache-control", "private"}, {":status", "302"}};
const Headers kResponseTable2 = {{":status", "307"}, kLocation, kDate1, {"cache-control", "private"}};
const Headers kResponseTable3 = {kCookie, {"content-encoding", "gzip"}, kDate2};

}  // namespace

// --- RFC 7541 Appendix C.

TEST_CASE("RFC 7541 C.1, integers", "[http2][hpack]") {
  // As sizes of the table, which have a prefix of 5 bits.
  HpackEncoder encoder;
  std::string out;
  encoder.set_limit(10);
  encoder.begin(out);
  CHECK(hex(out) == "2a");
  out.clear();
  encoder.set_limit(1337);
  encoder.begin(out);
  CHECK(hex(out) == "3f9a0a");

  HpackDecoder ten(10);
  CHECK(decode(ten, octets("2a")).end == Status::end);
  HpackDecoder nine(9);
  CHECK(decode(nine, octets("2a")).end == Status::error);
  HpackDecoder just(1337);
  CHECK(decode(just, octets("3f9a0a")).end == Status::end);
  CHECK(just.table().limit() == 1337);
  HpackDecoder less(1336);
  CHECK(decode(less, octets("3f9a0a")).end == Status::error);
}

TEST_CASE("RFC 7541 C.2, fields", "[http2][hpack]") {
  check(4096, {{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
                {{"custom-key", "custom-header"}},
                {{"custom-key", "custom-header"}},
                55}});
  check(4096, {{"040c 2f73 616d 706c 652f 7061 7468", {{":path", "/sample/path"}}, {}, 0}});
  check(4096, {{"1008 7061 7373 776f 7264 0673 6563 7265 74", {{"password", "secret"}}, {}, 0}});
  check(4096, {{"82", {{":method", "GET"}}, {}, 0}});
}

TEST_CASE("RFC 7541 C.3, requests without Huffman code", "[http2][hpack]") {
  check(4096, {{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", kRequest1, kRequestTable1, 57},
               {"8286 84be 5808 6e6f 2d63 6163 6865", kRequest2, kRequestTable2, 110},
               {"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", kRequest3,
                kRequestTable3, 164}});
}

TEST_CASE("RFC 7541 C.4, requests with Huffman code", "[http2][hpack]") {
  check(4096,
        {{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", kRequest1, kRequestTable1, 57},
         {"8286 84be 5886 a8eb 1064 9cbf", kRequest2, kRequestTable2, 110},
         {"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", kRequest3, kRequestTable3, 164}});
}

TEST_CASE("RFC 7541 C.5, responses without Huffman code", "[http2][hpack]") {
  check(256,
        {{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133"
          "3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
          kResponse1, kResponseTable1, 222},
         {"4803 3330 37c1 c0bf", kResponse2, kResponseTable2, 222},
         {"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a"
          "6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d"
          "6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
          kResponse3, kResponseTable3, 215}});
}

TEST_CASE("RFC 7541 C.6, responses with Huffman code", "[http2][hpack]") {
  check(256,
        {{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d"
          "29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
          kResponse1, kResponseTable1, 222},
         {"4883 640e ffc1 c0bf", kResponse2, kResponseTable2, 222},
         {"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d"
          "d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106"
          "3d50 07",
          kResponse3, kResponseTable3, 215}});
}

TEST_CASE("the static table is the RFC's", "[http2][hpack]") {
  HpackDecoder decoder;
  nghttp2_hd_inflater* inflater = nullptr;
  REQUIRE(nghttp2_hd_inflate_new(&inflater) == 0);
  for (std::size_t i = 1; i <= 61; ++i) {
    const Decoded got = decode(decoder, std::string(1, static_cast<char>(0x80U | i)));  // checks ids too
    REQUIRE(got.fields.size() == 1);
    const nghttp2_nv* nv = nghttp2_hd_inflate_get_table_entry(inflater, i);
    REQUIRE(nv != nullptr);
    CHECK(got.fields[0].name == std::string_view(reinterpret_cast<const char*>(nv->name), nv->namelen));
    CHECK(got.fields[0].value == std::string_view(reinterpret_cast<const char*>(nv->value), nv->valuelen));
  }
  nghttp2_hd_inflate_del(inflater);
}

// --- What is refused.

TEST_CASE("indexes beyond the tables are refused", "[http2][hpack]") {
  CHECK(refused("80"));
  CHECK(refused("be"));
  CHECK(refused("ff 00"));
  CHECK(refused("ff ff ff ff 07"));
  CHECK_FALSE(refused("be", "4001610162"));
  CHECK(refused("bf", "4001610162"));
  // Names.
  CHECK(refused("7e 01 61"));
  CHECK(refused("0f 2f 01 61"));
  CHECK(refused("1f 2f 01 61"));
  CHECK_FALSE(refused("7e 01 61", "4001610162"));
  CHECK_FALSE(refused("0f 2f 01 61", "4001610162"));
  CHECK(refused("7f 00 01 61", "4001610162"));
  CHECK(refused("0f 30 01 61", "4001610162"));
}

TEST_CASE("integers that are too large or too long are refused", "[http2][hpack]") {
  // 63 in every length there is: an index that is right but for how it is written.
  CHECK_FALSE(refused("7f 00 01 62", "40 01 61 01 62 40 01 61 01 62"));
  CHECK_FALSE(refused("7f 80 00 01 62", "40 01 61 01 62 40 01 61 01 62"));
  CHECK_FALSE(refused("7f 80 80 80 80 00 01 62", "40 01 61 01 62 40 01 61 01 62"));
  CHECK(refused("7f 80 80 80 80 80 00 01 62", "40 01 61 01 62 40 01 61 01 62"));
  CHECK(refused("7f 80 80 80 80 80 80 80 80 80 00 01 62", "40 01 61 01 62 40 01 61 01 62"));
  // What 32 bits would make something harmless of.
  CHECK(refused("3f e2 ff ff ff 0f"));
  CHECK(refused("3f e1 ff ff ff 0f"));
  CHECK(refused("3f 80 80 80 80 10"));
  CHECK(refused("3f 80 80 80 80 7f"));
  CHECK(refused("3f ff ff ff ff ff ff ff ff ff 01"));
  CHECK(refused("ff 83 ff ff ff 0f"));
  CHECK(refused("00 7f 82 ff ff ff 0f 61 00"));
  CHECK(refused("00 7f 81 ff ff ff 0f"));
  CHECK(refused("00 7f 81 ff ff ff 07"));
}

TEST_CASE("size updates are at the start of a block, two at most, and below the limit", "[http2][hpack]") {
  CHECK_FALSE(refused("20"));
  CHECK_FALSE(refused("20 82"));
  CHECK_FALSE(refused("20 3f e1 1f 82"));  // 0, 4096
  CHECK(refused("3f e2 1f 82"));           // 4097
  CHECK(refused("20 3f e2 1f 82"));
  CHECK(refused("20 20 20 82"));
  CHECK(refused("82 20"));
  CHECK(refused("82 20 82"));
  CHECK(refused("20 82 20"));
  CHECK(refused("40 01 61 01 62 20"));
  CHECK(refused("00 01 61 01 62 20"));
  CHECK_FALSE(refused("20 20 82", "20 20 82"));  // in each block anew

  HpackDecoder large(20'000);
  CHECK(large.table().limit() == 4096);  // until the peer says so
  CHECK(decode(large, octets("3f 81 9c 01")).end == Status::end);
  CHECK(large.table().limit() == 20'000);
  CHECK(decode(large, octets("3f 82 9c 01")).end == Status::error);
}

TEST_CASE("a block cut off is refused, but between its fields", "[http2][hpack]") {
  const struct {
    std::string block;
    std::vector<std::size_t> whole;
  } cases[] = {
      {octets("82 8684 410f 7777 772e 6578 616d 706c 652e 636f 6d"), {0, 1, 2, 3, 20}},
      {octets("82 8684 418c f1e3 c2e5 f23a 6ba0 ab90 f4ff"), {0, 1, 2, 3, 17}},
      {octets("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), {0, 26}},
      {octets("1f 20 83 9b d9 ab 1088 25a8 49e9 5ba9 7d7f 00"), {0, 6, 17}},
      {octets("20 3f e1 1f 0f 01 00"), {0, 1, 4, 7}},
      {octets("00 00 00 00 00 00"), {0, 3, 6}},
  };
  for (const auto& c : cases) {
    for (std::size_t size = 0; size <= c.block.size(); ++size) {
      CAPTURE(hex(c.block), size);
      const bool whole = std::find(c.whole.begin(), c.whole.end(), size) != c.whole.end();
      CHECK(refused(hex(c.block.substr(0, size))) == !whole);
    }
  }
}

TEST_CASE("a text with wrong Huffman code is refused", "[http2][hpack]") {
  for (const char* field : {"40", "00", "10"}) {
    const std::string start = field;
    CHECK_FALSE(refused(start + "01 61 81 f8"));
    CHECK(refused(start + "01 61 81 ff"));
    CHECK(refused(start + "01 61 81 00"));
    CHECK(refused(start + "01 61 84 ff ff ff ff"));
    CHECK(refused(start + "81 ff 01 61"));
    CHECK_FALSE(refused(start + "80 80"));
  }
}

TEST_CASE("what comes before an error is decoded", "[http2][hpack]") {
  HpackDecoder decoder;
  const Decoded got = decode(decoder, octets("82 40 01 61 01 62 80 82"));
  CHECK(got.end == Status::error);
  CHECK(got.fields == Headers{{":method", "GET"}, {"a", "b"}});
}

// --- The table.

TEST_CASE("an empty table has no memory, and it grows with its contents", "[http2][hpack]") {
  HpackDecoder decoder;
  CHECK(decode(decoder, octets("82 86 84 00 01 61 01 62 10 01 61 01 62")).end == Status::end);
  CHECK(decoder.table().heap() == 0);
  CHECK(decode(decoder, octets("40 01 61 01 62")).end == Status::end);
  CHECK(decoder.table().heap() <= 128);
  std::size_t most = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "x-" + std::to_string(i);
    const std::string value(static_cast<std::size_t>(i) % 151, 'v');
    std::string block = octets("40");
    block += static_cast<char>(name.size());
    block += name;
    if (value.size() < 127) {
      block += static_cast<char>(value.size());
    } else {
      block += '\x7f';
      block += static_cast<char>(value.size() - 127);
    }
    block += value;
    REQUIRE(decode(decoder, block).end == Status::end);
    most = std::max(most, decoder.table().heap());
  }
  CHECK(most <= 2 * 4096);
  CHECK(decode(decoder, octets("20")).end == Status::end);
  CHECK(decoder.table().heap() == 0);
  CHECK(decode(decoder, octets("3f e1 1f 40 01 61 01 62")).end == Status::end);
  CHECK(contents(decoder.table()) == Headers{{"a", "b"}});
}

TEST_CASE("names of the static table are not stored", "[http2][hpack]") {
  HpackDecoder decoder;
  // strict-transport-security four times, one of them by way of the entry before.
  CHECK(decode(decoder, octets("78 01 61 7e 01 62 78 01 63 7e 01 64")).end == Status::end);
  CHECK(decoder.table().count() == 4);
  CHECK(contents(decoder.table()).front() == Header{"strict-transport-security", "d"});
  CHECK(decoder.table().size() == 4 * (32 + 25 + 1));
  CHECK(decoder.table().heap() == 128);
}

TEST_CASE("what is larger than the table empties it", "[http2][hpack]") {
  // 34 of 68 bytes: room for two like it, not for one of 69.
  const std::string large(69 - 32 - 1, 'x');
  const std::string block = octets("40 01 79") + static_cast<char>(large.size()) + large;
  HpackDecoder decoder(68);
  HpackDecoder skipping(68);
  CHECK(decode(decoder, octets("40 01 61 01 62 40 01 63 01 64")).end == Status::end);
  CHECK(contents(decoder.table()) == Headers{{"c", "d"}, {"a", "b"}});
  CHECK(decode(decoder, octets("40 01 65 01 66")).end == Status::end);
  CHECK(contents(decoder.table()) == Headers{{"e", "f"}, {"c", "d"}});
  const Decoded got = decode(decoder, block);
  CHECK(got.fields == Headers{{"y", large}});
  CHECK(contents(decoder.table()).empty());
  CHECK(decoder.table().size() == 0);
  // It is empty, not broken.
  CHECK(decode(decoder, octets("40 01 61 01 62 be")).fields == Headers{{"a", "b"}, {"a", "b"}});

  CHECK(decode(skipping, octets("40 01 61 01 62") + block, nullptr).end == Status::end);
  CHECK(skipping.table().count() == 0);
  CHECK(decode(skipping, octets("be")).end == Status::error);
}

TEST_CASE("a name is kept when its entry goes for the new one", "[http2][hpack]") {
  // RFC 7541 §4.4.
  for (const bool keep : {true, false}) {
    for (std::size_t size = 1; size < 100; ++size) {
      CAPTURE(keep, size);
      HpackDecoder decoder(128);
      Arena arena;
      Arena* const use = keep ? &arena : nullptr;
      const std::string name(size, 'n');
      const std::string name_text = static_cast<char>(size) + name;
      CHECK(decode(decoder, octets("40") + name_text + octets("00"), use).end == Status::end);
      const bool fits = 32 + size <= 128;
      REQUIRE(decoder.table().count() == (fits ? 1 : 0));
      if (!fits) continue;
      const std::string value(std::min<std::size_t>(96 - size, 60), 'v');
      const Decoded got =
          decode(decoder, octets("7e") + static_cast<char>(value.size()) + value + octets("be"), use);
      CHECK(got.end == Status::end);
      CHECK(contents(decoder.table()).front() == Header{name, value});
      if (keep) CHECK(got.fields == Headers{{name, value}, {name, value}});
    }
  }
}

TEST_CASE("size updates evict at once", "[http2][hpack]") {
  HpackDecoder decoder;
  CHECK(decode(decoder, octets("40 01 61 01 62 40 01 63 01 64 40 01 65 01 66")).end == Status::end);
  CHECK(decoder.table().size() == 102);
  CHECK(decode(decoder, octets("3f 46")).end == Status::end);  // 101
  CHECK(contents(decoder.table()) == Headers{{"e", "f"}, {"c", "d"}});
  CHECK(decode(decoder, octets("3f 03 3f e1 1f")).end == Status::end);  // 34, 4096
  CHECK(contents(decoder.table()) == Headers{{"e", "f"}});
  CHECK(decoder.table().limit() == 4096);
  CHECK(decode(decoder, octets("3f 02")).end == Status::end);  // 33
  CHECK(decoder.table().count() == 0);
}

// --- Encoding.

TEST_CASE("exact entries of the static table are one byte", "[http2][hpack]") {
  HpackEncoder encoder;
  CHECK(hex(encode(encoder, {{":method", "GET"},
                             {":method", "POST"},
                             {":path", "/"},
                             {":path", "/index.html"},
                             {":scheme", "http"},
                             {":scheme", "https"},
                             {"accept-encoding", "gzip, deflate"},
                             {"Accept-Encoding", "gzip, deflate"}})) == "8283848586879090");
  const struct {
    unsigned code;
    const char* block;
  } statuses[] = {{200, "88"}, {204, "89"}, {206, "8a"},         {304, "8b"},         {400, "8c"},
                  {404, "8d"}, {500, "8e"}, {302, "0803333032"}, {999, "0803393939"}, {100, "0803313030"}};
  for (const auto& status : statuses) {
    std::string out;
    encoder.begin(out);
    encoder.status(out, status.code);
    CHECK(hex(out) == status.block);
  }
}

TEST_CASE("a field is indexed when it is seen for the second time", "[http2][hpack]") {
  HpackEncoder encoder;
  CHECK(hex(encode(encoder, "Server", "abc")) == "0f2703616263");
  CHECK(encoder.table().heap() == 0);
  CHECK(hex(encode(encoder, "server", "abc")) == "7603616263");
  CHECK(hex(encode(encoder, "SERVER", "abc")) == "be");
  CHECK(hex(encode(encoder, "X-Thing", "abc")) == "0007" + hex("x-thing") + "03616263");
  CHECK(hex(encode(encoder, "x-Thing", "abc")) == "4007" + hex("x-thing") + "03616263");
  CHECK(hex(encode(encoder, "x-thing", "abc")) == "be");
  CHECK(hex(encode(encoder, "server", "abc")) == "bf");
  CHECK(hex(encode(encoder, "server", "abd")) == "0f2703616264");
  CHECK(hex(encode(encoder, "x-thinG", "abc")) == "be");
  CHECK(hex(encode(encoder, "y-thing", "abc")) == "0007" + hex("y-thing") + "03616263");
}

TEST_CASE("fields that differ each time stay out of the table, secrets even more so", "[http2][hpack]") {
  const std::string longer(40, 'x');
  for (const char* name :
       {"content-length", "etag", "last-modified", "location", "age", "x-request-id", "If-None-Match"}) {
    CAPTURE(name);
    HpackEncoder encoder;
    for (int i = 0; i < 4; ++i)
      CHECK((static_cast<unsigned char>(encode(encoder, name, "1234")[0]) & 0xf0U) == 0);
    CHECK(encoder.table().count() == 0);
  }
  for (const char* name : {"set-cookie", "Authorization", "proxy-authorization"}) {
    CAPTURE(name);
    HpackEncoder encoder;
    for (int i = 0; i < 4; ++i)
      CHECK((static_cast<unsigned char>(encode(encoder, name, longer)[0]) & 0xf0U) == 0x10);
    CHECK(encoder.table().count() == 0);
  }
  HpackEncoder encoder;
  for (int i = 0; i < 4; ++i)
    CHECK((static_cast<unsigned char>(encode(encoder, "cookie", longer.substr(0, 19))[0]) & 0xf0U) == 0x10);
  CHECK(encoder.table().count() == 0);
  for (int i = 0; i < 4; ++i)
    encode(encoder, "cookie", longer.substr(0, 20));
  CHECK(encoder.table().count() == 1);
}

TEST_CASE("fields that come only once do not push others out", "[http2][hpack]") {
  HpackEncoder encoder;
  encode(encoder, "server", "abc");
  encode(encoder, "server", "abc");
  for (int i = 0; i < 5000; ++i)
    encode(encoder, "x-took", "number " + std::to_string(i));
  CHECK(encode(encoder, "server", "abc").size() == 1);
  CHECK(encoder.table().count() < 20);  // a few by mistake: the memory of what was seen is short
}

TEST_CASE("what is large stays out of the table", "[http2][hpack]") {
  HpackEncoder encoder;
  for (int i = 0; i < 4; ++i)
    encode(encoder, "x-large", std::string(3000, 'x'));
  CHECK(encoder.table().count() == 0);
  for (int i = 0; i < 4; ++i)
    encode(encoder, std::string(65, 'n'), "value");
  CHECK(encoder.table().count() == 0);
}

TEST_CASE("texts are Huffman-coded when that is shorter", "[http2][hpack]") {
  HpackEncoder encoder;
  CHECK(hex(encode(encoder, "etag", "1234567")) == "0f1307" + hex("1234567"));
  CHECK(hex(encode(encoder, "etag", "www.example.com")) == "0f138cf1e3c2e5f23a6ba0ab90f4ff");
  CHECK(hex(encode(encoder, "etag", "<<<<<<<<")) == "0f1308" + hex("<<<<<<<<"));
  CHECK(hex(encode(encoder, "etag", "")) == "0f1300");
  CHECK(hex(encode(encoder, "Custom-Key", "")) == "008825a849e95ba97d7f00");
}

TEST_CASE("names are written in lower case, whatever their length", "[http2][hpack]") {
  HpackDecoder decoder;
  HpackEncoder encoder;
  const std::string all =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~@[\x80\xc1\xff";
  for (std::size_t size = 0; size <= all.size(); ++size) {
    for (const std::string& name : {all.substr(0, size), all.substr(all.size() - size)}) {
      CAPTURE(name);
      std::string block;
      encoder.begin(block);
      encoder.field(block, name, "value", http::FieldId::other);
      Arena arena;
      const Decoded got = decode(decoder, block, &arena);
      CHECK((got.fields == Headers{{lower(name), "value"}}));
    }
  }
  // Every name of the static table is found, and nothing that only looks like one.
  for (std::uint8_t i = 1; i <= 61; ++i) {
    HpackDecoder names;
    Header header = decode(names, std::string(1, static_cast<char>(0x80U | i))).fields.at(0);
    header.value = "some value of no entry";
    CAPTURE(header.name);
    std::string upper = header.name;
    for (char& c : upper)
      c = is_alpha(c) ? static_cast<char>(c & ~0x20) : c;
    for (const std::string& name : {header.name, upper}) {
      for (const http::FieldId id : {http::field_id(name), http::FieldId::other}) {
        std::string block;
        HpackEncoder fresh;
        fresh.field(block, name, header.value, id);
        CHECK(block.size() < 20);  // spelled out, they would be longer
        CHECK(decode(names, block).fields == Headers{header});
      }
    }
    for (std::size_t at = 0; at < header.name.size(); ++at) {
      std::string other = header.name;
      other[at] = static_cast<char>(other[at] ^ 0x40);
      std::string block;
      HpackEncoder fresh;
      fresh.field(block, other, "v", http::FieldId::other);
      Arena arena;
      const Decoded got = decode(names, block, &arena);
      CHECK((got.fields == Headers{{lower(other), "v"}}));
    }
  }
}

TEST_CASE("the next block tells of a new size of the table", "[http2][hpack]") {
  const auto told = [](HpackEncoder& encoder) {
    std::string out;
    encoder.begin(out);
    return hex(out);
  };
  HpackEncoder encoder;
  CHECK(told(encoder).empty());
  encoder.set_limit(65'536);  // more than we want
  CHECK(told(encoder).empty());
  encoder.set_limit(4096);
  CHECK(told(encoder).empty());
  encode(encoder, "server", "abc");
  encode(encoder, "server", "abc");
  CHECK(encoder.table().count() == 1);
  encoder.set_limit(34);
  CHECK(encoder.table().count() == 0);
  encoder.set_limit(100);
  CHECK(told(encoder) == "3f033f45");  // the least, and the last
  CHECK(told(encoder).empty());
  encoder.set_limit(200);
  CHECK(told(encoder) == "3fa901");
  encoder.set_limit(0);
  CHECK(told(encoder) == "20");
  encoder.set_limit(100);
  encoder.set_limit(200);
  CHECK(told(encoder) == "3fa901");
  encoder.set_limit(0);
  encoder.set_limit(200);
  CHECK(told(encoder) == "203fa901");
  encoder.set_limit(300);
  encoder.set_limit(200);
  CHECK(told(encoder).empty());

  HpackEncoder small(100);  // and never more
  CHECK(told(small) == "3f45");
  small.set_limit(4096);
  CHECK(told(small).empty());
}

// --- Together, and with nghttp2.

namespace {

// Headers as they are, more or less: some often, some never again, some odd.
class Traffic {
 public:
  explicit Traffic(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  Headers next() {
    Headers out;
    for (std::size_t i = below(12); i > 0; --i)
      out.push_back(header());
    return out;
  }

  std::string text(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out)
      c = static_cast<char>(below(20) == 0 ? random_() : ' ' + random_() % 95);
    return out;
  }

 private:
  Header header() {
    static constexpr const char* kNames[] = {":status",
                                             ":method",
                                             ":path",
                                             ":authority",
                                             "date",
                                             "server",
                                             "content-type",
                                             "content-length",
                                             "vary",
                                             "etag",
                                             "set-cookie",
                                             "cookie",
                                             "x-request-id",
                                             "cache-control",
                                             "accept-encoding",
                                             "x-a",
                                             "x-frame-options",
                                             "strict-transport-security",
                                             "authorization",
                                             "x_forwarded_for",
                                             "x-forwarded-proto"};
    static constexpr const char* kValues[] = {"",
                                              "200",
                                              "304",
                                              "GET",
                                              "/",
                                              "/index.html",
                                              "gzip, deflate",
                                              "text/html; charset=utf-8",
                                              "301",
                                              "nginx/1.22.1",
                                              "no-cache",
                                              "1",
                                              "Mon, 21 Oct 2013 20:13:21 GMT",
                                              "abcdefgh"};
    const std::string name = below(10) == 0 ? lower(text(below(70) + 1)) : kNames[below(std::size(kNames))];
    switch (below(4)) {
      case 0: return {name, text(below(below(20) == 0 ? 300 : 40))};
      case 1: return {name, std::to_string(random_())};
      default: return {name, kValues[below(std::size(kValues))]};
    }
  }

  std::mt19937 random_;
};

class Inflater {
 public:
  Inflater() { REQUIRE(nghttp2_hd_inflate_new(&inflater_) == 0); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // False: it is refused.
  bool decode(std::string_view block, Headers& out) {
    out.clear();
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const auto taken = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (taken < 0) return false;
      at += taken;
      left -= static_cast<std::size_t>(taken);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        out.push_back({std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
                       std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen)});
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return true;
  }

  Headers table() {
    Headers out;
    const std::size_t count = nghttp2_hd_inflate_get_num_table_entries(inflater_);
    for (std::size_t i = 62; i <= count; ++i) {
      const nghttp2_nv* nv = nghttp2_hd_inflate_get_table_entry(inflater_, i);
      out.push_back({std::string(reinterpret_cast<const char*>(nv->name), nv->namelen),
                     std::string(reinterpret_cast<const char*>(nv->value), nv->valuelen)});
    }
    return out;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class Deflater {
 public:
  Deflater() { REQUIRE(nghttp2_hd_deflate_new(&deflater_, 4096) == 0); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  nghttp2_hd_deflater* get() { return deflater_; }

  std::string encode(Headers& headers, std::uint8_t flags) {
    std::vector<nghttp2_nv> nvs;
    for (Header& header : headers) {
      nvs.push_back({reinterpret_cast<std::uint8_t*>(header.name.data()),
                     reinterpret_cast<std::uint8_t*>(header.value.data()), header.name.size(),
                     header.value.size(), flags});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, nvs.data(), nvs.size()), '\0');
    const auto size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(out.data()),
                                            out.size(), nvs.data(), nvs.size());
    REQUIRE(size >= 0);
    out.resize(static_cast<std::size_t>(size));
    return out;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

constexpr std::uint32_t kLimits[] = {0, 32, 60, 128, 300, 1000, 4096, 9000};

}  // namespace

TEST_CASE("what we encode, we and nghttp2 decode", "[http2][hpack]") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    Traffic traffic(seed);
    HpackEncoder encoder(seed % 4 == 0 ? 200 : 4096);
    HpackDecoder decoder;
    HpackDecoder skipping;
    Inflater inflater;
    for (int block = 0; block < 100; ++block) {
      if (traffic.below(10) == 0) {
        for (std::size_t i = traffic.below(3); i > 0; --i)
          encoder.set_limit(kLimits[traffic.below(std::size(kLimits))]);
      }
      const Headers headers = traffic.next();
      const std::string bytes = encode(encoder, headers);
      const Decoded got = decode(decoder, bytes);
      REQUIRE(got.end == Status::end);
      REQUIRE((got.fields == headers));
      Headers theirs;
      REQUIRE(inflater.decode(bytes, theirs));
      REQUIRE((theirs == headers));
      const Headers table = contents(decoder.table());
      REQUIRE((table == inflater.table()));
      REQUIRE((table == contents(encoder.table())));
      // Sometimes with texts, mostly without: the table is the same.
      Arena arena;
      REQUIRE(decode(skipping, bytes, traffic.below(4) == 0 ? &arena : nullptr).sizes == got.sizes);
      REQUIRE((table == contents(skipping.table())));
    }
  }
}

TEST_CASE("what nghttp2 encodes, we decode", "[http2][hpack]") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    Traffic traffic(1000 + seed);
    Deflater deflater;
    HpackDecoder decoder;
    HpackDecoder skipping;
    for (int block = 0; block < 100; ++block) {
      if (traffic.below(10) == 0) {
        for (std::size_t i = traffic.below(3); i > 0; --i)
          nghttp2_hd_deflate_change_table_size(deflater.get(), kLimits[traffic.below(std::size(kLimits))]);
      }
      Headers headers = traffic.next();
      const std::string bytes = deflater.encode(
          headers, traffic.below(10) == 0 ? std::uint8_t{NGHTTP2_NV_FLAG_NO_INDEX} : std::uint8_t{0});
      const Decoded got = decode(decoder, bytes);
      REQUIRE(got.end == Status::end);
      REQUIRE((got.fields == headers));
      Arena arena;
      REQUIRE(decode(skipping, bytes, traffic.below(4) == 0 ? &arena : nullptr).sizes == got.sizes);
      REQUIRE((contents(skipping.table()) == contents(decoder.table())));
    }
  }
}
