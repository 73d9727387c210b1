// Cookies that a client sends (RFC 6265bis), looked up where they lie.
#pragma once

#include "sluice/http/fields.hpp"

#include <optional>
#include <string_view>

namespace sluice::http {

// The value of the cookie `name` (compared by case) in the Cookie fields, of which HTTP/2 may send several;
// of several such cookies the first, which is the one with the longest path. Quotation marks around the whole
// value are not part of it. Empty when there is none. A view into the field; reads each byte once.
std::optional<std::string_view> find_cookie(const Fields& fields, std::string_view name);

// The same in the value of one field.
std::optional<std::string_view> find_cookie(std::string_view value, std::string_view name);

}  // namespace sluice::http
