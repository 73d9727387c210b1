// Names and patterns that HTTP or Sluice restricts, checked as text. Every function answers with the form
// that is compared on the wire, or with the reason why the text is none.
#pragma once

#include "config/text.hpp"

#include <string>
#include <string_view>

namespace sluice::config {

// RFC 9110 token: field names, methods.
bool is_token(std::string_view text);

// Names of pools and listeners: 1..63 of letters, digits, `.`, `_`, `-`, first a letter or digit. They appear
// in URLs of the admin API and in metric labels.
bool is_name(std::string_view text);

// Tenants: 1..63 of [a-z0-9-], so that each can be a label of a host name.
bool is_tenant_name(std::string_view text);

// "www.example.com" or "*.example.com"; canonical_host() of it.
Parsed<std::string> parse_host_pattern(std::string_view text);

// "www.example.com", one name: what TLS asks a server for. canonical_host() of it.
Parsed<std::string> parse_server_name(std::string_view text);

// "{tenant}.example.com"; the placeholder is the whole first label.
Parsed<std::string> parse_tenant_pattern(std::string_view text);

// The path of a URL as it stands in a request line, percent-encoded where needed.
Parsed<std::string> parse_path(std::string_view text);

Parsed<std::string> parse_method(std::string_view text);

// A field that Sluice may set on requests: none that frames the message, concerns one connection, or says
// where the request came from.
Parsed<std::string> parse_request_field(std::string_view text);

// What a health check asks for: a path, and a query if there is one.
Parsed<std::string> parse_check_target(std::string_view text);

// `Host` of a health check: one name or address, and a port if there is one. The host is canonical.
Parsed<std::string> parse_check_host(std::string_view text);

// A field of a health check: none that frames the message or concerns one connection. What says where a
// request came from may be claimed here.
Parsed<std::string> parse_check_field(std::string_view text);

// A name in CDN-Loop (RFC 8586): a pseudonym, or a host with or without a port. `off` is one too.
Parsed<std::string> parse_cdn_id(std::string_view text);

// RFC 6265.
Parsed<std::string> parse_cookie_name(std::string_view text);

// The `Path` of a cookie: one of a URL that no attribute could end.
Parsed<std::string> parse_cookie_path(std::string_view text);

}  // namespace sluice::config
