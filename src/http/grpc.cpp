#include "sluice/http/grpc.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>

namespace sluice::http {

bool is_grpc(const RequestHead& request) {
  constexpr std::string_view kType = "application/grpc";
  const std::string_view type = request.fields.value(FieldId::content_type);
  if (type.size() < kType.size() || !iequals(type.substr(0, kType.size()), kType)) return false;
  return type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';';
}

std::optional<Nanos> parse_grpc_timeout(std::string_view value) {
  if (value.size() < 2 || value.size() > 9) return std::nullopt;
  const auto count = parse_decimal<std::uint32_t>(value.substr(0, value.size() - 1));
  if (!count) return std::nullopt;
  constexpr Nanos kSecond = 1'000'000'000;
  Nanos unit = 0;
  switch (value.back()) {
    case 'H': unit = 3600 * kSecond; break;
    case 'M': unit = 60 * kSecond; break;
    case 'S': unit = kSecond; break;
    case 'm': unit = 1'000'000; break;
    case 'u': unit = 1'000; break;
    case 'n': unit = 1; break;
    default: return std::nullopt;
  }
  return std::min(Nanos{*count}, kLongestGrpcTimeout / unit) * unit;
}

std::optional<Nanos> grpc_timeout(const RequestHead& request) {
  if (!is_grpc(request)) return std::nullopt;
  const Field* field = request.fields.find("grpc-timeout");
  return field != nullptr ? parse_grpc_timeout(field->value) : std::nullopt;
}

std::uint8_t grpc_status_of(std::uint16_t http_status) {
  switch (http_status) {
    case 400: return 13;  // INTERNAL
    case 401: return 16;  // UNAUTHENTICATED
    case 403: return 7;   // PERMISSION_DENIED
    case 404: return 12;  // UNIMPLEMENTED
    case 413:
    case 431: return 8;  // RESOURCE_EXHAUSTED
    case 429:
    case 502:
    case 503:
    case 504: return kGrpcUnavailable;
    default: return 2;  // UNKNOWN
  }
}

}  // namespace sluice::http
