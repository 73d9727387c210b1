#include "plan/forwarding.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

using http::FieldId;

// Why `name`, which is no claim, cannot be passed on, or that it is anyway.
std::string refusal(std::string_view name, std::span<const std::string_view> claims) {
  switch (http::field_id(name)) {
    case FieldId::x_forwarded:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_proto:
    case FieldId::x_request_id:
      return fmt::format("\"{}\" is believed of peers in trusted_proxies and of nobody else", name);
    case FieldId::proxy: return fmt::format("\"{}\" is never passed on", name);
    default: break;
  }
  return fmt::format("\"{}\" is not one of the fields that are dropped unless named here{}", name,
                     config::did_you_mean(name, {claims.begin(), claims.end()}));
}

}  // namespace

http::ForwardingRules make_forwarding_rules(const config::Document& document,
                                            config::Diagnostics& diagnostics) {
  http::ForwardingRules out;
  if (document.cdn_loop != "off") out.cdn_id = document.cdn_loop;
  const auto claims = http::claim_names();
  for (std::size_t i = 0; i < document.pass_headers.size(); ++i) {
    const auto& name = document.pass_headers[i];
    const auto found = std::find(claims.begin(), claims.end(), lower(name.value));
    if (found != claims.end()) {
      out.passed_claims |= std::uint64_t{1} << (found - claims.begin());
    } else {
      diagnostics.add(name.at, fmt::format("pass_headers[{}]", i), refusal(name.value, claims));
    }
  }
  return out;
}

}  // namespace sluice::plan
