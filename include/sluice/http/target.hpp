// Request targets: which bytes may stand in one, and the path as an application that decodes would read it.
#pragma once

#include "sluice/base/arena.hpp"

#include <optional>
#include <string_view>

namespace sluice::http {

// Origin-form (RFC 9112 §3.2.1): "/path?query". The path holds RFC 3986 pchar and what browsers leave as it
// is
// ("[", "]", "|"); the query may also hold "{", "}", "^", "`", "\" and a lone "%", as browsers send them.
// Refused everywhere: controls, space, "#", quotes, "<", ">", bytes above 0x7e. Refused in the path: "\", a
// "%" without two hexadecimal digits, "%00", and "." or ".." segments, plain or encoded, whichever of "/",
// "%2f" and "%5c" is taken to separate them: proxies and applications disagree about those, and that is how
// checks by path are walked around.
bool valid_origin_form(std::string_view target);

// The path as decoding applications see it: percent-encoding undone, runs of "/" folded into one. Equal to
// `path` itself, without a copy, when there is nothing to undo.
std::string_view decoded_path(std::string_view path, Arena& arena);

}  // namespace sluice::http
