// Header blocks, one after the other on one connection. What our decoder accepts, nghttp2 accepts too, with
// the same fields and the same table behind; a decoder that skips blocks has that table as well; and what our
// encoder makes of the fields comes back from both.
//
// Where nghttp2 accepts what we refuse: a third size update in front of a block, and an integer of more than
// 2^31 (a limit: sizes and indexes that large are wrong to both).
//
// In the input, a byte below 0xf0 is the size of the block behind it; the others are a limit for our encoder.
#include "sluice/base/text.hpp"

#include "http2/hpack.hpp"
#include "invariants.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

using namespace sluice;
using namespace sluice::fuzz;
using http2::HpackDecoder;
using http2::HpackTable;
using Status = HpackDecoder::Status;

namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

class Inflater {
 public:
  Inflater() { must(nghttp2_hd_inflate_new(&inflater_) == 0); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // The fields in front of what is wrong, too.
  bool decode(std::string_view block, Texts& out) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const auto taken = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      if (taken < 0) return false;
      at += taken;
      left -= static_cast<std::size_t>(taken);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) out.push_back(texts(nv));
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return true;
  }

  Texts table() {
    Texts out;
    const std::size_t count = nghttp2_hd_inflate_get_num_table_entries(inflater_);
    for (std::size_t i = 62; i <= count; ++i)
      out.push_back(texts(*nghttp2_hd_inflate_get_table_entry(inflater_, i)));
    return out;
  }

 private:
  static Texts::value_type texts(const nghttp2_nv& nv) {
    return {std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
            std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen)};
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
};

Texts contents(const HpackTable& table) {
  Texts out;
  Arena arena;
  std::uint32_t size = 0;
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const HpackTable::Entry& entry = table.entry(i);
    out.emplace_back(table.copy_name(entry, arena), table.copy_value(entry, arena));
    size += HpackTable::kOverhead + entry.name_size + entry.value_size;
  }
  must(size == table.size() && size <= table.limit() && table.heap() <= 2 * HpackDecoder::kDefaultLimit);
  return out;
}

struct Result {
  Status end = Status::end;
  Texts fields;
  std::size_t size = 0;
};

Result decode(HpackDecoder& decoder, std::string_view block, Arena* arena) {
  Result out;
  std::vector<http2::HpackField> fields;
  {
    const Exact exact(block);
    decoder.begin(exact.view());
    http2::HpackField field;
    while ((out.end = decoder.next(arena, field)) == Status::field) {
      out.size += field.name_size + field.value_size;
      if (arena != nullptr) fields.push_back(field);
    }
  }
  for (const http2::HpackField& field : fields) {
    must(field.name.size() == field.name_size && field.value.size() == field.value_size);
    must(field.id == http::field_id(field.name));
    out.fields.emplace_back(field.name, field.value);
  }
  return out;
}

class Connection {
 public:
  // False: the block was refused.
  bool take(std::string_view block) {
    Arena arena;
    const Result got = decode(decoder_, block, &arena);
    const Result skipped = decode(skipping_, block, nullptr);
    must(skipped.end == got.end && skipped.size == got.size);
    Texts theirs;
    const bool accepted = inflater_.decode(block, theirs);
    if (got.end == Status::error) {
      // What was in front of the error is what it is.
      must(got.fields.size() <= theirs.size() &&
           std::equal(got.fields.begin(), got.fields.end(), theirs.begin()));
      return false;
    }
    must(accepted && theirs == got.fields);
    const Texts table = contents(decoder_.table());
    must(table == inflater_.table());
    must(table == contents(skipping_.table()));
    again(got.fields);
    return true;
  }

  void limit_encoder(std::uint32_t limit) { encoder_.set_limit(limit); }

 private:
  void again(const Texts& fields) {
    std::string block;
    encoder_.begin(block);
    for (const auto& [name, value] : fields)
      encoder_.field(block, name, value, http::field_id(name));
    Arena arena;
    const Result got = decode(returning_, block, &arena);
    must(got.end == Status::end && got.fields.size() == fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i)
      must(got.fields[i].first == lower(fields[i].first) && got.fields[i].second == fields[i].second);
    Texts theirs;
    must(their_returning_.decode(block, theirs) && theirs == got.fields);
    must(contents(returning_.table()) == contents(encoder_.table()));
  }

  HpackDecoder decoder_;
  HpackDecoder skipping_;
  Inflater inflater_;
  http2::HpackEncoder encoder_;
  HpackDecoder returning_;
  Inflater their_returning_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view wire = text_of(data, size);
  Connection connection;
  while (!wire.empty()) {
    const auto first = static_cast<unsigned char>(wire.front());
    wire.remove_prefix(1);
    if (first >= 0xf0) {
      connection.limit_encoder((first & 0xfU) * 300);
      continue;
    }
    const std::string_view block = wire.substr(0, first);
    wire.remove_prefix(block.size());
    if (!connection.take(block)) return 0;
  }
  return 0;
}
