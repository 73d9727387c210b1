#include "sluice/base/text.hpp"

#include "http2/hpack.hpp"
#include "http2/hpack_static.hpp"
#include "http2/huffman.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http2 {
namespace {

using http::FieldId;

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
