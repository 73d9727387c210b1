#include "sluice/http/grpc.hpp"

#include "sluice/base/text.hpp"

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
  switch (value.back()) {
    case 'H': return Nanos{*count} * 3600 * kSecond;
    case 'M': return Nanos{*count} * 60 * kSecond;
    case 'S': return Nanos{*count} * kSecond;
    case 'm': return Nanos{*count} * 1'000'000;
    case 'u': return Nanos{*count} * 1'000;
    case 'n': return Nanos{*count};
    default: return std::nullopt;
  }
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
