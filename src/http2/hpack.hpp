// HPACK, RFC 7541: header blocks to fields and back. No I/O, no exceptions, and no allocation but for the
// dynamic tables, which live as long as their connection: an empty one has none, and it grows with what is in
// it.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/http/fields.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::http2 {

// The dynamic table of RFC 7541 §2.3.2: a ring of entries, and a ring of bytes for their texts.
class HpackTable {
 public:
  // Positions and sizes of entries have 16 bits.
  static constexpr std::uint32_t kLargest = 64 * 1024;
  static constexpr std::uint32_t kOverhead = 32;  // of an entry, RFC 7541 §4.1

  struct Entry {
    std::uint16_t at;  // where its texts begin in the ring of bytes
    std::uint16_t name_size;
    std::uint16_t value_size;
    std::uint8_t static_name;  // where the static table has that name, which is not stored then; or 0
    std::uint8_t tag;          // the owner's
  };

  explicit HpackTable(std::uint32_t limit) : limit_(limit) {}

  std::uint32_t limit() const { return limit_; }
  std::uint32_t size() const { return size_; }  // as RFC 7541 §4.1 counts
  // Bytes of memory.
  std::size_t heap() const { return bytes_size_ + slots_ * sizeof(Entry); }
  // What is too much then is evicted. At 0 the memory goes too.
  void set_limit(std::uint32_t limit);

  std::uint32_t count() const { return count_; }
  // The newest is number 0.
  const Entry& entry(std::uint32_t number) const { return entries_[(next_ - 1 - number) & (slots_ - 1)]; }
  std::string_view copy_name(const Entry& entry, Arena& arena) const;
  std::string_view copy_value(const Entry& entry, Arena& arena) const;

  // Evicts what must go for it; what is larger than the table only empties it (RFC 7541 §4.4). The texts are
  // not in the table themselves.
  void add(std::string_view name, std::string_view value, std::uint8_t static_name, std::uint8_t tag);
  // The number of the newest entry with these, or count(). (An optional costs more than the search.)
  std::uint32_t find(std::string_view name, std::string_view value, std::uint8_t static_name,
                     std::uint8_t tag) const;

 private:
  void evict_down_to(std::uint32_t size);
  void reserve_entry();
  void reserve_bytes(std::uint32_t more);
  void write(std::string_view text);
  void read(std::uint32_t at, char* to, std::size_t size) const;
  bool holds(std::uint32_t at, std::string_view text) const;

  std::unique_ptr<Entry[]> entries_;
  std::unique_ptr<char[]> bytes_;
  std::uint32_t limit_;
  std::uint32_t size_ = 0;
  std::uint32_t slots_ = 0;  // in entries_; a power of two, as bytes_size_
  std::uint32_t next_ = 0;   // where the next entry goes, modulo slots_
  std::uint32_t count_ = 0;
  std::uint32_t bytes_size_ = 0;
  std::uint32_t bytes_next_ = 0;  // modulo bytes_size_
  std::uint32_t bytes_used_ = 0;
};

struct HpackField {
  // In the static table, for ever; or in the arena. Empty without an arena.
  std::string_view name;
  std::string_view value;
  // With and without an arena.
  std::uint32_t name_size = 0;
  std::uint32_t value_size = 0;
  http::FieldId id = http::FieldId::other;  // http::field_id(name)
};

// Whether names and values are such as HTTP allows is for the caller to see.
class HpackDecoder {
 public:
  enum class Status : std::uint8_t { field, end, error };

  // What our SETTINGS_HEADER_TABLE_SIZE says, HpackTable::kLargest at most. With less than 4096 the peer is
  // taken to know it already.
  explicit HpackDecoder(std::uint32_t table_limit = kDefaultLimit);

  // A complete header block: HEADERS with its CONTINUATIONs. It must outlive the calls of next().
  void begin(std::string_view block);

  // The next field of it. Without an arena it is only accounted for: the dynamic table is kept right and
  // `out` has the sizes, but no texts. error: this is not HPACK, a connection error COMPRESSION_ERROR.
  // Nothing else comes from then on.
  Status next(Arena* arena, HpackField& out);

  const HpackTable& table() const { return table_; }

  static constexpr std::uint32_t kDefaultLimit = 4096;  // RFC 9113 §6.5.2

 private:
  bool integer(unsigned prefix, std::uint32_t& value);
  bool text(Arena& arena, std::string_view& text);
  bool resize();
  bool indexed(Arena* arena, HpackField& out);
  bool literal(Arena& arena, HpackField& out);
  bool unkept_literal(HpackField& out);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  HpackTable table_;
  std::uint32_t limit_;
  std::uint8_t updates_left_ = 0;  // size updates that may still come in this block
  bool failed_ = false;
};

// What is worth it goes into the dynamic table when it is seen for the second time, so that fields that are
// different each time push nothing out.
class HpackEncoder {
 public:
  // The size of table it will not go beyond whatever the peer allows, kLargest at most.
  explicit HpackEncoder(std::uint32_t own_limit = kLargest);

  // SETTINGS_HEADER_TABLE_SIZE of the peer. If that changes our table, the next block tells (RFC 7541 §4.2).
  void set_limit(std::uint32_t peer_limit);

  // Starts a block. All of them append to `out`.
  void begin(std::string& out);
  void status(std::string& out, unsigned code);
  // Any other field; `id` is http::field_id(name). The name in any case, it is written in lower case.
  void field(std::string& out, std::string_view name, std::string_view value, http::FieldId id);

  const HpackTable& table() const { return table_; }

  static constexpr std::uint32_t kLargest = 4096;

 private:
  static constexpr std::size_t kSeen = 32;

  // `known`: the first entry of the static table with this name, or 0.
  void lower_field(std::string& out, std::uint8_t known, std::string_view name, std::string_view value,
                   http::FieldId id);
  bool seen_before(std::uint32_t hash);

  HpackTable table_;
  std::uint32_t own_limit_;
  std::uint32_t told_;   // the limit the peer knows of
  std::uint32_t least_;  // the lowest one since then
  std::uint32_t seen_next_ = 0;
  std::uint16_t seen_[kSeen]{};
};

}  // namespace sluice::http2
