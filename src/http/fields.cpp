#include "sluice/http/fields.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/syntax.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace sluice::http {
namespace {

struct Known {
  std::string_view name;
  FieldId id;
};

// Each of them is read by frameworks, their usual extensions or what is copied between applications; it is
// named after those who write it, or after those who made others read it.
constexpr std::array<std::string_view, 27> kClaimNames{
    // who asks
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy-client-ip",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-azure-clientip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-proxyuser-ip",
    "x-real-ip",
    // for which host, with what scheme
    "front-end-https",
    "x-host",
    "x-http-host-override",
    "x-original-host",
    "x-scheme",
    "x-url-scheme",
    // the method
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // the target
    "x-original-url",
    "x-rewrite-url",
};

// The first stands for all names that are not known.
constexpr Known kNamed[] = {
    {"", FieldId::other},
    {"te", FieldId::te},
    {"date", FieldId::date},
    {"host", FieldId::host},
    {"accept", FieldId::accept},
    {"cookie", FieldId::cookie},
    {"expect", FieldId::expect},
    {"referer", FieldId::referer},
    {"trailer", FieldId::trailer},
    {"upgrade", FieldId::upgrade},
    {"proxy", FieldId::proxy},
    {"cdn-loop", FieldId::cdn_loop},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"user-agent", FieldId::user_agent},
    {"retry-after", FieldId::retry_after},
    {"x-forwarded", FieldId::x_forwarded},
    {"content-type", FieldId::content_type},
    {"x-request-id", FieldId::x_request_id},
    {"content-length", FieldId::content_length},
    {"http2-settings", FieldId::http2_settings},
    {"x-forwarded-for", FieldId::x_forwarded_for},
    {"proxy-connection", FieldId::proxy_connection},
    {"x-forwarded-host", FieldId::x_forwarded_host},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"x-forwarded-proto", FieldId::x_forwarded_proto},
};

constexpr auto kKnown = [] {
  std::array<Known, std::size(kNamed) + kClaimNames.size()> all{};
  const auto claims = std::copy(std::begin(kNamed), std::end(kNamed), all.begin());
  std::transform(kClaimNames.begin(), kClaimNames.end(), claims, [](std::string_view name) {
    return Known{name, FieldId::claim};
  });
  return all;
}();

// A hash without collisions among the known names, so that a look-up compares with one of them: of the
// length, the first and the last letter. The compiler looks for the two factors.
struct Slots {
  static constexpr std::size_t kCount = 256;
  std::size_t by_length = 0;
  std::size_t by_last = 0;
  std::array<std::uint8_t, kCount> known{};  // an index of kKnown

  constexpr Slots() {
    for (by_length = 1; by_length < kCount; ++by_length) {
      for (by_last = 0; by_last < kCount; ++by_last) {
        if (fill()) return;
      }
    }
    std::abort();  // not constant: no such factors
  }
  // `name` has at least one byte. Without regard to case, as same_start.
  constexpr std::size_t of(std::string_view name) const {
    const auto first = static_cast<unsigned char>(name.front() | 0x20);
    const auto last = static_cast<unsigned char>(name.back() | 0x20);
    return (name.size() * by_length + first + last * by_last) % kCount;
  }

 private:
  constexpr bool fill() {
    known = {};
    for (std::size_t i = 1; i < kKnown.size(); ++i) {
      std::uint8_t& slot = known[of(kKnown[i].name)];
      if (slot != 0) return false;
      slot = static_cast<std::uint8_t>(i);
    }
    return true;
  }
};
constexpr Slots kSlots;

template <class Word>
bool same_word(const char* known, const char* name) {
  constexpr auto kCase = static_cast<Word>(0x2020'2020'2020'2020);
  Word x = 0;
  Word y = 0;
  std::memcpy(&x, known, sizeof x);
  std::memcpy(&y, name, sizeof y);
  return (y | kCase) == x;
}

// Of texts with at least a word. The last word may overlap the one before it.
template <class Word>
bool same_words(const char* known, const char* name, std::size_t size) {
  const std::size_t last = size - sizeof(Word);
  for (std::size_t at = 0; at < last; at += sizeof(Word)) {
    if (!same_word<Word>(known + at, name + at)) return false;
  }
  return same_word<Word>(known + last, name + last);
}

// Whether `name` begins with `known`, which is in lower case and made of letters, digits and "-", two bytes
// at least. For tokens, which have no byte that differs from one of these in the case bit alone but a letter
// in the other case.
bool same_start(std::string_view known, std::string_view name) {
  const std::size_t size = known.size();
  if (name.size() < size) return false;
  if (size >= 8) return same_words<std::uint64_t>(known.data(), name.data(), size);
  if (size >= 4) return same_words<std::uint32_t>(known.data(), name.data(), size);
  return same_words<std::uint16_t>(known.data(), name.data(), size);
}

// CGI makes "_" of every byte of a name that is neither letter nor digit; some servers only of "-".
constexpr char fold(char c) { return is(c, kPlainName) ? to_lower(c) : '-'; }

constexpr std::string_view kForwardedFamily = "x-forwarded-";

}  // namespace

std::span<const std::string_view> claim_names() { return kClaimNames; }

FieldId plain_field_id(std::string_view name) {
  if (name.empty()) return FieldId::other;
  const Known& known = kKnown[kSlots.known[kSlots.of(name)]];
  if (known.name.size() == name.size() && same_start(known.name, name)) return known.id;
  const bool in_family = name.size() > kForwardedFamily.size() && same_start(kForwardedFamily, name);
  return in_family ? FieldId::x_forwarded : FieldId::other;
}

FieldId field_id(std::string_view name) {
  const FieldId exact = plain_field_id(name);
  if (exact != FieldId::other) return exact;
  char folded[64];
  if (name.size() > sizeof folded) {
    return same_variable(name.substr(0, kForwardedFamily.size()), kForwardedFamily) ? FieldId::look_alike
                                                                                    : FieldId::other;
  }
  if (all_of(name, kPlainName)) return FieldId::other;
  std::transform(name.begin(), name.end(), folded, fold);
  return plain_field_id({folded, name.size()}) == FieldId::other ? FieldId::other : FieldId::look_alike;
}

bool same_variable(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

void Fields::grow(Arena& arena) {
  const std::uint32_t capacity = capacity_ == 0 ? 24 : capacity_ * 2;
  auto* data = arena.array<Field>(capacity);
  if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(Field));
  data_ = data;
  capacity_ = capacity;
}

const Field* Fields::find(FieldId id) const {
  if (!has(id)) return nullptr;
  for (const Field& field : all()) {
    if (field.id == id && !field.dropped) return &field;
  }
  return nullptr;
}

const Field* Fields::find(std::string_view name) const {
  for (const Field& field : all()) {
    if (!field.dropped && iequals(field.name, name)) return &field;
  }
  return nullptr;
}

void Fields::drop(FieldSet ids) {
  if (!has_any(ids)) return;
  for (Field& field : all()) {
    if ((bit(field.id) & ids) != 0) field.dropped = true;
  }
}

}  // namespace sluice::http
