#include "http2/hpack.hpp"

#include "sluice/base/text.hpp"

#include "http2/huffman.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace sluice::http2 {
namespace {

using http::FieldId;

// Integers are sizes and indexes: whatever is more is wrong anyway.
constexpr std::uint64_t kMostInteger = std::uint64_t{1} << 31U;
constexpr unsigned kMostContinuations = 5;
constexpr std::uint8_t kMostUpdates = 2;  // per block: the least size since the last one, and the last (§4.2)

// The first byte of a representation, RFC 7541 §6.
constexpr std::uint8_t kIndexed = 0x80;
constexpr std::uint8_t kIncremental = 0x40;
constexpr std::uint8_t kUpdate = 0x20;
constexpr std::uint8_t kNever = 0x10;
constexpr std::uint8_t kPlain = 0;
constexpr std::uint8_t kHuffman = 0x80;  // of a text, §5.2

struct Static {
  std::string_view name;
  std::string_view value;
  FieldId id = FieldId::other;
};

// RFC 7541 Appendix A.
constexpr Static kStatic[] = {
    {},
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", "", FieldId::accept},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", "", FieldId::content_length},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", "", FieldId::content_type},
    {"cookie", "", FieldId::cookie},
    {"date", "", FieldId::date},
    {"etag", ""},
    {"expect", "", FieldId::expect},
    {"expires", ""},
    {"from", ""},
    {"host", "", FieldId::host},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", "", FieldId::referer},
    {"refresh", ""},
    {"retry-after", "", FieldId::retry_after},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", "", FieldId::transfer_encoding},
    {"user-agent", "", FieldId::user_agent},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
};
constexpr std::uint32_t kStatics = std::size(kStatic);
static_assert(kStatics == 62);

constexpr std::uint8_t kStatus = 8;  // and the next
constexpr std::uint16_t kStatuses[] = {200, 204, 206, 304, 400, 404, 500};

// Finds the first entry of a name, which is in lower case: no two names have the same length, first and last
// byte, and the factor is one that keeps them apart.
constexpr std::uint32_t slot_of(std::string_view name) {
  const std::uint32_t key = static_cast<std::uint32_t>(name.size() & 0xff) |
                            std::uint32_t{static_cast<unsigned char>(to_lower(name.front()))} << 8U |
                            std::uint32_t{static_cast<unsigned char>(to_lower(name.back()))} << 16U;
  return key * 0xfe175331U >> 24U;
}

struct Names {
  std::uint8_t slots[256]{};
  std::uint8_t by_id[256]{};
  std::uint8_t valued[kStatics]{};  // entries of that name that have a value
  bool distinct = true;

  constexpr Names() {
    for (std::uint8_t i = kStatics - 1; i > 0; --i) {
      const Static& entry = kStatic[i];
      const bool again = i + 1U < kStatics && kStatic[i + 1U].name == entry.name;
      std::uint8_t& slot = slots[slot_of(entry.name)];
      if (slot != 0 && !again) distinct = false;
      slot = i;
      if (entry.id != FieldId::other) by_id[static_cast<unsigned>(entry.id)] = i;
      valued[i] = static_cast<std::uint8_t>((again ? valued[i + 1U] : 0) + (entry.value.empty() ? 0 : 1));
    }
  }
};
constexpr Names kNames;
static_assert(kNames.distinct);

template <class Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// to_lower of each byte.
template <class Word>
Word lower_word(Word word) {
  constexpr Word kOnes = static_cast<Word>(~Word{0}) / 0xff;
  const Word low = word & (kOnes * 0x7f);
  const Word from_a = low + kOnes * (0x80 - 'A');
  const Word beyond_z = low + kOnes * (0x80 - 'Z' - 1);
  return word | ((from_a & ~beyond_z & ~word & (kOnes * 0x80)) >> 2U);
}

// Calls f(position) for words that cover `size` bytes, the last two overlapping; `size` is that of one at
// least.
template <class Word, class F>
bool all_words(std::size_t size, F&& f) {
  for (std::size_t i = 0; i + sizeof(Word) < size; i += sizeof(Word)) {
    if (!f(i)) return false;
  }
  return f(size - sizeof(Word));
}

// Whether `name` is this, which is in lower case and of the same length, when case is ignored.
bool same_name(std::string_view name, const char* lower_name) {
  const auto same = [&]<class Word>(Word) {
    return all_words<Word>(name.size(), [&](std::size_t i) {
      return lower_word(load<Word>(name.data() + i)) == load<Word>(lower_name + i);
    });
  };
  return name.size() >= 8   ? same(std::uint64_t{})
         : name.size() >= 4 ? same(std::uint32_t{})
                            : iequals(name, {lower_name, name.size()});
}

void copy_lower(std::string_view name, char* to) {
  if (name.size() < 8) {
    std::transform(name.begin(), name.end(), to, to_lower);
    return;
  }
  all_words<std::uint64_t>(name.size(), [&](std::size_t i) {
    const auto word = lower_word(load<std::uint64_t>(name.data() + i));
    std::memcpy(to + i, &word, sizeof word);
    return true;
  });
}

// The first entry with this name, or 0.
std::uint8_t static_name(std::string_view name) {
  if (name.empty()) return 0;
  const std::uint8_t found = kNames.slots[slot_of(name)];
  return kStatic[found].name.size() == name.size() && same_name(name, kStatic[found].name.data()) ? found : 0;
}

// What becomes of a field that is in no table.
enum class Policy : std::uint8_t {
  index,   // when seen for the second time
  plain,   // not: it will be different the next time
  secret,  // never, by nobody (RFC 7541 §7.1.3)
};

struct Policies {
  Policy of[kStatics]{};
  constexpr Policies() {
    for (std::uint32_t i = 0; i < kStatics; ++i) {
      for (const std::string_view name :
           {"age", "content-length", "content-range", "etag", "if-match", "if-modified-since",
            "if-none-match", "if-range", "if-unmodified-since", "last-modified", "location", "range",
            "retry-after"}) {
        if (kStatic[i].name == name) of[i] = Policy::plain;
      }
      for (const std::string_view name : {"authorization", "proxy-authorization", "set-cookie"}) {
        if (kStatic[i].name == name) of[i] = Policy::secret;
      }
    }
  }
};
constexpr Policies kPolicies;

Policy policy_of(std::uint8_t known, FieldId id, std::size_t value_size) {
  if (id == FieldId::x_request_id) return Policy::plain;
  // A short one can be guessed byte by byte.
  if (id == FieldId::cookie && value_size < 20) return Policy::secret;
  return kPolicies.of[known];
}

std::uint32_t hash_of(std::uint32_t seed, std::string_view text) {
  constexpr std::uint64_t kFactor = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t hash = (seed + text.size()) * kFactor;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32U;
    return true;
  };
  const std::size_t size = text.size();
  const char* const at = text.data();
  if (size >= 8) {
    all_words<std::uint64_t>(size, [&](std::size_t i) { return mix(load<std::uint64_t>(at + i)); });
  } else if (size >= 4) {
    mix(std::uint64_t{load<std::uint32_t>(at)} << 32U | load<std::uint32_t>(at + size - 4));
  } else if (size > 0) {
    // All three there can be, some of them twice.
    mix(static_cast<unsigned char>(at[0]) | static_cast<unsigned char>(at[size / 2]) << 8U |
        static_cast<unsigned char>(at[size - 1]) << 16U);
  }
  return static_cast<std::uint32_t>(hash * kFactor >> 32U);
}

char* put_integer(char* to, std::uint8_t pattern, unsigned prefix, std::size_t value) {
  const std::size_t most = (std::size_t{1} << prefix) - 1;
  if (value < most) {
    *to++ = static_cast<char>(pattern | value);
    return to;
  }
  *to++ = static_cast<char>(pattern | most);
  for (value -= most; value >= 0x80; value >>= 7U)
    *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

char* put_text(char* to, std::string_view text) {
  if (text.size() >= 8) {
    if (const std::size_t size = huffman_size(text); size < text.size()) {
      to = put_integer(to, kHuffman, 7, size);
      huffman_encode(text, to);
      return to + size;
    }
  }
  to = put_integer(to, 0, 7, text.size());
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

void append_integer(std::string& out, std::uint8_t pattern, unsigned prefix, std::size_t value) {
  if (value < (1U << prefix) - 1) {
    out.push_back(static_cast<char>(pattern | value));
    return;
  }
  char bytes[16];
  out.append(bytes, static_cast<std::size_t>(put_integer(bytes, pattern, prefix, value) - bytes));
}

// A name is given by the static table (`known`), or spelled out.
void append_literal(std::string& out, std::uint8_t pattern, std::uint8_t known, std::string_view name,
                    std::string_view value) {
  constexpr std::size_t kIntegers = 32;
  const std::size_t from = out.size();
  out.resize(from + kIntegers + name.size() + value.size());
  char* to = put_integer(out.data() + from, pattern, pattern == kIncremental ? 6 : 4, known);
  if (known == 0) to = put_text(to, name);
  to = put_text(to, value);
  out.resize(static_cast<std::size_t>(to - out.data()));
}

}  // namespace

// --- The dynamic table.

void HpackTable::set_limit(std::uint32_t limit) {
  limit_ = limit;
  evict_down_to(limit);
  if (limit != 0) return;
  entries_.reset();
  bytes_.reset();
  slots_ = bytes_size_ = 0;
}

void HpackTable::evict_down_to(std::uint32_t size) {
  while (size_ > size) {
    const Entry& oldest = entry(--count_);
    size_ -= kOverhead + oldest.name_size + oldest.value_size;
    bytes_used_ -= (oldest.static_name == 0 ? oldest.name_size : 0U) + oldest.value_size;
  }
}

void HpackTable::reserve_entry() {
  if (count_ < slots_) return;
  const std::uint32_t slots = std::max(8U, slots_ * 2);
  auto entries = std::make_unique<Entry[]>(slots);
  for (std::uint32_t i = 0; i < count_; ++i)
    entries[count_ - 1 - i] = entry(i);
  entries_ = std::move(entries);
  slots_ = slots;
  next_ = count_;
}

void HpackTable::reserve_bytes(std::uint32_t more) {
  if (bytes_used_ + more <= bytes_size_) return;
  const std::uint32_t size = std::bit_ceil(std::max(64U, bytes_used_ + more));
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  const std::uint32_t oldest = bytes_next_ - bytes_used_;
  read(oldest, bytes.get(), bytes_used_);
  for (std::uint32_t i = 0; i < count_; ++i) {
    Entry& moved = entries_[(next_ - 1 - i) & (slots_ - 1)];
    moved.at = static_cast<std::uint16_t>((moved.at - oldest) & (bytes_size_ - 1));
  }
  bytes_ = std::move(bytes);
  bytes_size_ = size;
  bytes_next_ = bytes_used_;
}

void HpackTable::write(std::string_view text) {
  if (text.empty()) return;
  const std::uint32_t at = bytes_next_ & (bytes_size_ - 1);
  const std::size_t first = std::min<std::size_t>(text.size(), bytes_size_ - at);
  std::memcpy(bytes_.get() + at, text.data(), first);
  if (first != text.size()) std::memcpy(bytes_.get(), text.data() + first, text.size() - first);
  bytes_next_ += static_cast<std::uint32_t>(text.size());
  bytes_used_ += static_cast<std::uint32_t>(text.size());
}

void HpackTable::read(std::uint32_t at, char* to, std::size_t size) const {
  if (size == 0) return;
  at &= bytes_size_ - 1;
  const std::size_t first = std::min<std::size_t>(size, bytes_size_ - at);
  std::memcpy(to, bytes_.get() + at, first);
  if (first != size) std::memcpy(to + first, bytes_.get(), size - first);
}

bool HpackTable::holds(std::uint32_t at, std::string_view text) const {
  if (text.empty()) return true;
  at &= bytes_size_ - 1;
  const std::size_t first = std::min<std::size_t>(text.size(), bytes_size_ - at);
  return std::memcmp(bytes_.get() + at, text.data(), first) == 0 &&
         (first == text.size() || std::memcmp(bytes_.get(), text.data() + first, text.size() - first) == 0);
}

std::string_view HpackTable::copy_name(const Entry& entry, Arena& arena) const {
  if (entry.static_name != 0) return kStatic[entry.static_name].name;
  char* const to = arena.array<char>(entry.name_size);
  read(entry.at, to, entry.name_size);
  return {to, entry.name_size};
}

std::string_view HpackTable::copy_value(const Entry& entry, Arena& arena) const {
  char* const to = arena.array<char>(entry.value_size);
  read(entry.at + (entry.static_name == 0 ? entry.name_size : 0U), to, entry.value_size);
  return {to, entry.value_size};
}

void HpackTable::add(std::string_view name, std::string_view value, std::uint8_t static_name,
                     std::uint8_t tag) {
  const std::size_t size = kOverhead + name.size() + value.size();
  if (size > limit_) {
    evict_down_to(0);
    return;
  }
  evict_down_to(limit_ - static_cast<std::uint32_t>(size));
  const std::string_view stored_name = static_name == 0 ? name : std::string_view{};
  reserve_entry();
  reserve_bytes(static_cast<std::uint32_t>(stored_name.size() + value.size()));
  entries_[next_++ & (slots_ - 1)] = {static_cast<std::uint16_t>(bytes_next_ & (bytes_size_ - 1)),
                                      static_cast<std::uint16_t>(name.size()),
                                      static_cast<std::uint16_t>(value.size()), static_name, tag};
  ++count_;
  size_ += static_cast<std::uint32_t>(size);
  write(stored_name);
  write(value);
}

std::uint32_t HpackTable::find(std::string_view name, std::string_view value, std::uint8_t static_name,
                               std::uint8_t tag) const {
  // All of an entry but its place is compared at once, as the 8 bytes that it is.
  constexpr auto kMask = std::bit_cast<std::uint64_t>(Entry{0, 0xffff, 0xffff, 0xff, 0xff});
  const auto wanted =
      std::bit_cast<std::uint64_t>(Entry{0, static_cast<std::uint16_t>(name.size()),
                                         static_cast<std::uint16_t>(value.size()), static_name, tag});
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Entry& found = entry(i);
    if ((std::bit_cast<std::uint64_t>(found) & kMask) != wanted) continue;
    const std::uint32_t stored_name = static_name == 0 ? found.name_size : 0U;
    if ((static_name != 0 || holds(found.at, name)) && holds(found.at + stored_name, value)) return i;
  }
  return count_;
}

// --- Decoding.

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

// --- Encoding.

HpackEncoder::HpackEncoder(std::uint32_t own_limit)
    : table_(std::min(own_limit, kLargest)),
      own_limit_(table_.limit()),
      told_(kLargest),
      least_(own_limit_) {}

void HpackEncoder::set_limit(std::uint32_t peer_limit) {
  table_.set_limit(std::min(peer_limit, own_limit_));
  least_ = std::min(least_, table_.limit());
}

void HpackEncoder::begin(std::string& out) {
  if (least_ < told_) {
    append_integer(out, kUpdate, 5, least_);
    told_ = least_;
  }
  if (table_.limit() != told_) append_integer(out, kUpdate, 5, table_.limit());
  told_ = least_ = table_.limit();
}

void HpackEncoder::status(std::string& out, unsigned code) {
  for (std::uint32_t i = 0; i < std::size(kStatuses); ++i) {
    if (kStatuses[i] == code) return append_integer(out, kIndexed, 7, kStatus + i);
  }
  const char digits[] = {static_cast<char>('0' + code / 100 % 10), static_cast<char>('0' + code / 10 % 10),
                         static_cast<char>('0' + code % 10)};
  lower_field(out, kStatus, kStatic[kStatus].name, {digits, sizeof digits}, FieldId::other);
}

// Whether a field with this hash was among the last that were not in the table. A wrong yes is rare
// and does no harm.
bool HpackEncoder::seen_before(std::uint32_t hash) {
  const auto mark = static_cast<std::uint16_t>(hash >> 16U);
  bool seen = false;
  for (const std::uint16_t other : seen_)  // all of them: a few vector instructions
    seen |= other == mark;
  if (!seen) seen_[seen_next_++ % kSeen] = mark;
  return seen;
}

void HpackEncoder::field(std::string& out, std::string_view name, std::string_view value, FieldId id) {
  std::uint8_t known = kNames.by_id[static_cast<unsigned>(id)];
  if (known == 0) known = static_name(name);
  if (known != 0) {
    lower_field(out, known, kStatic[known].name, value, id);
    return;
  }
  char lowered[64];
  if (name.size() <= sizeof lowered) {
    copy_lower(name, lowered);
    lower_field(out, 0, {lowered, name.size()}, value, id);
  } else {
    append_literal(out, kPlain, 0, lower(name), value);
  }
}

void HpackEncoder::lower_field(std::string& out, std::uint8_t known, std::string_view name,
                               std::string_view value, FieldId id) {
  for (std::uint32_t i = known; i < known + kNames.valued[known] + 0U; ++i) {
    if (kStatic[i].value == value) return append_integer(out, kIndexed, 7, i);
  }
  const Policy policy = policy_of(known, id, value.size());
  std::uint8_t pattern = policy == Policy::secret ? kNever : kPlain;
  if (policy == Policy::index && HpackTable::kOverhead + name.size() + value.size() <= table_.limit() / 2) {
    const std::uint32_t hash = hash_of(known != 0 ? known : hash_of(kStatics, name), value);
    const auto tag = static_cast<std::uint8_t>(hash >> 8U);
    const std::uint32_t number = table_.find(name, value, known, tag);
    if (number != table_.count()) return append_integer(out, kIndexed, 7, kStatics + number);
    if (seen_before(hash)) {
      pattern = kIncremental;
      table_.add(name, value, known, tag);
    }
  }
  append_literal(out, pattern, known, name, value);
}

}  // namespace sluice::http2
