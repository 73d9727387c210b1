#include "sluice/upstream/balance/key.hpp"

#include "sluice/base/hash.hpp"
#include "sluice/http/cookie.hpp"

#include <string_view>

namespace sluice::upstream {
namespace {

std::string_view text_of(const KeySpec& spec, const http::Exchange& exchange) {
  switch (spec.source) {
    case KeySource::client_ip: return exchange.client_ip;
    case KeySource::tenant: return exchange.tenant;
    case KeySource::header: {
      const http::Field* field = exchange.request.fields.find(spec.name);
      return field != nullptr ? field->value : std::string_view{};
    }
    case KeySource::cookie: return http::find_cookie(exchange.request.fields, spec.name).value_or("");
    case KeySource::path: return exchange.request.path;
  }
  return {};
}

}  // namespace

Key key_of(const KeySpec& spec, const http::Exchange& exchange) {
  const std::string_view text = text_of(spec, exchange);
  return text.empty() ? Key{} : Key{hash64(text)};
}

}  // namespace sluice::upstream
