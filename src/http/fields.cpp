#include "sluice/http/fields.hpp"

#include "sluice/base/text.hpp"
#include "sluice/http/syntax.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::http {
namespace {

struct Known {
  std::string_view name;
  FieldId id;
};

// Sorted by length, so that a look-up compares with the few names of its own length.
constexpr Known kKnown[] = {
    {"te", FieldId::te},
    {"date", FieldId::date},
    {"host", FieldId::host},
    {"accept", FieldId::accept},
    {"cookie", FieldId::cookie},
    {"expect", FieldId::expect},
    {"referer", FieldId::referer},
    {"trailer", FieldId::trailer},
    {"upgrade", FieldId::upgrade},
    {"forwarded", FieldId::forwarded},
    {"x-real-ip", FieldId::x_real_ip},
    {"connection", FieldId::connection},
    {"keep-alive", FieldId::keep_alive},
    {"user-agent", FieldId::user_agent},
    {"retry-after", FieldId::retry_after},
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

constexpr std::size_t kLongest = 17;

struct ByLength {
  std::uint8_t first[kLongest + 2]{};
  constexpr ByLength() {
    std::size_t at = 0;
    for (std::size_t length = 0; length <= kLongest + 1; ++length) {
      while (at < std::size(kKnown) && kKnown[at].name.size() < length)
        ++at;
      first[length] = static_cast<std::uint8_t>(at);
    }
  }
};
constexpr ByLength kByLength;

// Whether `name` is `known`, which is in lower case and made of letters, digits and "-". For tokens, which
// have no byte that differs from one of these in the case bit alone but a letter in the other case.
bool same_name(std::string_view known, std::string_view name) {
  const char* a = known.data();
  const char* b = name.data();
  std::size_t left = known.size();
  constexpr std::uint64_t kCase = 0x2020'2020'2020'2020;
  for (; left >= 8; left -= 8, a += 8, b += 8) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a, 8);
    std::memcpy(&y, b, 8);
    if ((y | kCase) != x) return false;
  }
  for (; left != 0; --left, ++a, ++b) {
    if ((*b | 0x20) != *a) return false;
  }
  return true;
}

// CGI makes "_" of every byte of a name that is neither letter nor digit; some servers only of "-".
constexpr char fold(char c) { return is(c, kPlainName) ? to_lower(c) : '-'; }

constexpr std::string_view kForwardedFamily = "x-forwarded-";

FieldId exact_id(std::string_view name) {
  if (!name.empty() && name.size() <= kLongest) {
    for (std::size_t i = kByLength.first[name.size()]; i < kByLength.first[name.size() + 1]; ++i) {
      if ((name.front() | 0x20) == kKnown[i].name.front() && same_name(kKnown[i].name, name))
        return kKnown[i].id;
    }
  }
  if (name.size() > kForwardedFamily.size() && same_name(kForwardedFamily, name)) {
    return FieldId::x_forwarded;
  }
  return FieldId::other;
}

}  // namespace

FieldId field_id(std::string_view name) {
  const FieldId exact = exact_id(name);
  if (exact != FieldId::other || all_of(name, kPlainName)) return exact;
  char folded[64];
  if (name.size() > sizeof folded) {
    return same_variable(name.substr(0, kForwardedFamily.size()), kForwardedFamily) ? FieldId::look_alike
                                                                                    : FieldId::other;
  }
  std::transform(name.begin(), name.end(), folded, fold);
  return exact_id({folded, name.size()}) == FieldId::other ? FieldId::other : FieldId::look_alike;
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

void Fields::drop(FieldId id) {
  if (!has(id)) return;
  for (Field& field : all()) {
    if (field.id == id) field.dropped = true;
  }
}

}  // namespace sluice::http
