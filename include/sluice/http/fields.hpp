// Header and trailer fields of one message: views into the exchange's arena, in received order.
//
// Names known to Sluice carry an id, found once when the field is parsed; later look-ups compare integers.
// "Dropping" marks a field so that it is not forwarded; it stays readable for logs.
#pragma once

#include "sluice/base/arena.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::http {

enum class FieldId : std::uint8_t {
  other = 0,
  accept,
  cdn_loop,
  claim,  // one of claim_names()
  connection,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  host,
  http2_settings,
  keep_alive,
  proxy,  // HTTP_PROXY to a CGI-style application, which lets it choose where it sends its own requests
  proxy_connection,
  referer,
  retry_after,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  x_forwarded,  // X-Forwarded, and any X-Forwarded-* but those with an id of their own
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  // Another spelling of a field that Sluice or the protocol gives a meaning (X_Forwarded_For, X.Real.IP):
  // CGI-style applications cannot tell it from the real one, so it is never forwarded.
  look_alike,
};

// The id of a field name, in any case; of a token.
FieldId field_id(std::string_view name);
// The same for a name of which it is known that it has only letters, digits and "-".
FieldId plain_field_id(std::string_view name);

// Fields that many applications believe when they say who asks, for which host, with what scheme, method or
// target: in front of a proxy that writes them they are right to. In lower case. What they say of a client is
// its own word, so they pass from peers that are trusted, and where the operator lets them (`pass_headers`).
std::span<const std::string_view> claim_names();

// A set of ids: one bit each.
using FieldSet = std::uint64_t;
constexpr FieldSet bit(FieldId id) { return FieldSet{1} << static_cast<unsigned>(id); }
template <class... Ids>
constexpr FieldSet field_set(Ids... ids) {
  return (bit(ids) | ...);
}

// Whether two field names reach a CGI-style application as the same variable: they differ at most in case and
// in which punctuation stands between letters and digits.
bool same_variable(std::string_view a, std::string_view b);

// How a field's texts stand in memory.
enum class FieldForm : std::uint8_t {
  parts,
  line,  // as they will be written: name, ": ", value and CRLF, for they came as one line in HTTP/1
};

struct Field {
  std::string_view name;   // as received; a valid token
  std::string_view value;  // no leading or trailing OWS; HTAB, SP, VCHAR and obs-text only
  FieldId id = FieldId::other;
  bool dropped = false;
  FieldForm form = FieldForm::parts;
};

class Fields {
 public:
  std::span<Field> all() { return {data_, size_}; }
  std::span<const Field> all() const { return {data_, size_}; }
  std::size_t size() const { return size_; }

  // Texts must live as long as the exchange: in its arena, or for ever.
  void add(Arena& arena, std::string_view name, std::string_view value, FieldId id,
           FieldForm form = FieldForm::parts) {
    if (size_ == capacity_) grow(arena);
    data_[size_++] = Field{name, value, id, false, form};
    present_ |= bit(id);
  }
  void clear() {
    data_ = nullptr;
    size_ = capacity_ = 0;
    present_ = 0;
  }

  // Whether a field with this id was ever added: a bit test.
  bool has(FieldId id) const { return has_any(bit(id)); }
  bool has_any(FieldSet ids) const { return (present_ & ids) != 0; }
  // The first one not dropped, or nullptr.
  const Field* find(FieldId id) const;
  const Field* find(std::string_view name) const;
  std::string_view value(FieldId id) const {
    const Field* field = find(id);
    return field != nullptr ? field->value : std::string_view{};
  }
  void drop(FieldId id) { drop(bit(id)); }
  void drop(FieldSet ids);

 private:
  void grow(Arena& arena);

  Field* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  FieldSet present_ = 0;
};

}  // namespace sluice::http
