// The constants of RFC 7541 that both directions use: representations, and the static table.
#pragma once

#include "sluice/http/fields.hpp"

#include <cstdint>
#include <iterator>
#include <string_view>

namespace sluice::http2 {

// The first byte of a representation, RFC 7541 §6.
inline constexpr std::uint8_t kIndexed = 0x80;
inline constexpr std::uint8_t kIncremental = 0x40;
inline constexpr std::uint8_t kUpdate = 0x20;
inline constexpr std::uint8_t kNever = 0x10;
inline constexpr std::uint8_t kPlain = 0;
inline constexpr std::uint8_t kHuffman = 0x80;  // of a text, §5.2

struct Static {
  std::string_view name;
  std::string_view value;
  http::FieldId id = http::FieldId::other;
};

// RFC 7541 Appendix A.
inline constexpr Static kStatic[] = {
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
    {"accept", "", http::FieldId::accept},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", "", http::FieldId::content_length},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", "", http::FieldId::content_type},
    {"cookie", "", http::FieldId::cookie},
    {"date", "", http::FieldId::date},
    {"etag", ""},
    {"expect", "", http::FieldId::expect},
    {"expires", ""},
    {"from", ""},
    {"host", "", http::FieldId::host},
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
    {"referer", "", http::FieldId::referer},
    {"refresh", ""},
    {"retry-after", "", http::FieldId::retry_after},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", "", http::FieldId::transfer_encoding},
    {"user-agent", "", http::FieldId::user_agent},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
};
inline constexpr std::uint32_t kStatics = std::size(kStatic);
static_assert(kStatics == 62);

}  // namespace sluice::http2
