#include "http2/hpack.hpp"
#include "http2/hpack_static.hpp"
#include "http2/huffman.hpp"

#include <algorithm>

namespace sluice::http2 {
namespace {

using http::FieldId;

// Integers are sizes and indexes: whatever is more is wrong anyway.
constexpr std::uint64_t kMostInteger = std::uint64_t{1} << 31U;
constexpr unsigned kMostContinuations = 5;
constexpr std::uint8_t kMostUpdates = 2;  // per block: the least size since the last one, and the last (§4.2)

}  // namespace

HpackDecoder::HpackDecoder(std::uint32_t table_limit)
    : table_(std::min({table_limit, kDefaultLimit})), limit_(std::min(table_limit, HpackTable::kLargest)) {}

void HpackDecoder::begin(std::string_view block) {
  at_ = block.data();
  end_ = at_ + block.size();
  updates_left_ = kMostUpdates;
}

HpackDecoder::Status HpackDecoder::next(Arena* arena, HpackField& out) {
  while (!failed_ && at_ != end_) {
    const auto first = static_cast<unsigned char>(*at_);
    const bool update = (first & 0xe0U) == kUpdate;
    const bool good = first >= kIndexed  ? indexed(arena, out)
                      : update           ? resize()
                      : arena != nullptr ? literal(*arena, out)
                                         : unkept_literal(out);
    if (!good) {
      failed_ = true;
    } else if (!update) {
      updates_left_ = 0;
      return Status::field;
    }
  }
  return failed_ ? Status::error : Status::end;
}

// RFC 7541 §5.1. There is at least its first byte.
bool HpackDecoder::integer(unsigned prefix, std::uint32_t& value) {
  const std::uint32_t most = (1U << prefix) - 1;
  value = static_cast<unsigned char>(*at_++) & most;
  if (value < most) return true;
  std::uint64_t sum = most;
  for (unsigned i = 0; i < kMostContinuations && at_ != end_; ++i) {
    const auto byte = static_cast<unsigned char>(*at_++);
    sum += std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte >= 0x80) continue;
    value = static_cast<std::uint32_t>(sum);
    return sum <= kMostInteger;
  }
  return false;
}

// RFC 7541 §5.2.
bool HpackDecoder::text(Arena& arena, std::string_view& text) {
  if (at_ == end_) return false;
  const bool huffman = static_cast<unsigned char>(*at_) >= kHuffman;
  std::uint32_t size = 0;
  if (!integer(7, size) || size > static_cast<std::size_t>(end_ - at_)) return false;
  const std::string_view raw(at_, size);
  at_ += size;
  if (!huffman) {
    text = arena.copy(raw);
    return true;
  }
  char* const to = arena.array<char>(huffman_room(size));
  const auto decoded = huffman_decode(raw, to);
  text = {to, decoded.value_or(0)};
  return decoded.has_value();
}

bool HpackDecoder::resize() {
  std::uint32_t limit = 0;
  if (updates_left_ == 0 || !integer(5, limit) || limit > limit_) return false;
  --updates_left_;
  table_.set_limit(limit);
  return true;
}

bool HpackDecoder::indexed(Arena* arena, HpackField& out) {
  std::uint32_t index = 0;
  if (!integer(7, index) || index == 0 || index >= kStatics + table_.count()) return false;
  out = {};
  if (index < kStatics) {
    const Static& entry = kStatic[index];
    out = {entry.name, entry.value, static_cast<std::uint32_t>(entry.name.size()),
           static_cast<std::uint32_t>(entry.value.size()), entry.id};
    return true;
  }
  const HpackTable::Entry& entry = table_.entry(index - kStatics);
  out = {{}, {}, entry.name_size, entry.value_size, static_cast<FieldId>(entry.tag)};
  if (arena == nullptr) return true;
  out.name = table_.copy_name(entry, *arena);
  out.value = table_.copy_value(entry, *arena);
  return true;
}

bool HpackDecoder::literal(Arena& arena, HpackField& out) {
  const bool incremental = static_cast<unsigned char>(*at_) >= kIncremental;
  std::uint32_t index = 0;
  if (!integer(incremental ? 6 : 4, index) || index >= kStatics + table_.count()) return false;
  std::uint8_t known = 0;
  if (index == 0) {
    if (!text(arena, out.name)) return false;
    out.id = http::field_id(out.name);
  } else if (index < kStatics) {
    known = static_cast<std::uint8_t>(index);
    out.name = kStatic[index].name;
    out.id = kStatic[index].id;
  } else {
    // Copied now: adding the field may evict the entry.
    const HpackTable::Entry& entry = table_.entry(index - kStatics);
    known = entry.static_name;
    out.name = table_.copy_name(entry, arena);
    out.id = static_cast<FieldId>(entry.tag);
  }
  if (!text(arena, out.value)) return false;
  out.name_size = static_cast<std::uint32_t>(out.name.size());
  out.value_size = static_cast<std::uint32_t>(out.value.size());
  if (incremental) table_.add(out.name, out.value, known, static_cast<std::uint8_t>(out.id));
  return true;
}

// Not inlined: only this needs that much stack.
[[gnu::noinline]] bool HpackDecoder::unkept_literal(HpackField& out) {
  Arena scratch;
  const bool good = literal(scratch, out);
  out.name = out.value = {};
  return good;
}

}  // namespace sluice::http2
