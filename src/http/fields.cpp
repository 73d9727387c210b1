#include "sluice/http/fields.hpp"

#include "sluice/base/text.hpp"

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

// CGI makes "_" of every byte of a name that is neither letter nor digit; some servers only of "-".
constexpr bool ordinary(char c) { return is_alpha(c) || is_digit(c) || c == '-'; }
constexpr char fold(char c) { return ordinary(c) ? to_lower(c) : '-'; }

constexpr std::string_view kForwardedFamily = "x-forwarded-";

FieldId exact_id(std::string_view name) {
  if (name.size() <= kLongest) {
    for (std::size_t i = kByLength.first[name.size()]; i < kByLength.first[name.size() + 1]; ++i) {
      if (iequals(kKnown[i].name, name)) return kKnown[i].id;
    }
  }
  if (name.size() > kForwardedFamily.size() &&
      iequals(name.substr(0, kForwardedFamily.size()), kForwardedFamily)) {
    return FieldId::x_forwarded;
  }
  return FieldId::other;
}

}  // namespace

FieldId field_id(std::string_view name) {
  const FieldId exact = exact_id(name);
  if (exact != FieldId::other || std::all_of(name.begin(), name.end(), ordinary)) return exact;
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

void Fields::add(Arena& arena, std::string_view name, std::string_view value, FieldId id) {
  if (size_ == capacity_) {
    const std::uint32_t capacity = capacity_ == 0 ? 24 : capacity_ * 2;
    auto* data = arena.array<Field>(capacity);
    if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(Field));
    data_ = data;
    capacity_ = capacity;
  }
  data_[size_++] = Field{name, value, id, false};
  present_ |= std::uint64_t{1} << static_cast<unsigned>(id);
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
