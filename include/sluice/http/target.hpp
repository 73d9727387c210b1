// Request targets: which bytes may stand in one, and the path as an application that decodes would read it.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/rule.hpp"

#include <string_view>

namespace sluice::http {

// Origin-form (RFC 9112 §3.2.1): "/path?query". The path holds RFC 3986 pchar and what browsers leave as it
// is
// ("[", "]", "|"); the query may also hold "{", "}", "^", "`", "\" and a lone "%", as browsers send them.
// Refused everywhere: controls, space, "#", quotes, "<", ">", bytes above 0x7e. Refused in the path: "\", a
// "%" without two hexadecimal digits, "%00". The first rule that is broken.
//
// `dotted`: the path has "." or ".." segments, plain or encoded, whichever of "/", "%2f" and "%5c" is taken
// to separate them. Proxies and applications disagree about those, and that is how checks by path are walked
// around: the caller refuses them, too, unless it goes by all_resolutions().
Rule check_origin_form(std::string_view target, bool& dotted);

// Percent-encoding undone, and nothing else. `path` is valid.
std::string_view undo_percent(std::string_view path, Arena& arena);

// The path as decoding applications see it: percent-encoding undone, runs of "/" folded into one. Equal to
// `path` itself, without a copy, when there is nothing to undo.
std::string_view decoded_path(std::string_view path, Arena& arena);

// Where applications differ when they take dot segments out of a path.
struct DotRules {
  bool encoded = false;     // "%2e" is a dot, too
  bool backslash = false;   // a separator, too
  bool fold = false;        // runs of separators are one
  bool parameters = false;  // "..;x" is ".."
};

// `text` without its dot segments, in `out`, which has room for as many bytes. `to_directory`: the last one
// was a dot segment, so that the "/" at the end may be missing as well.
std::string_view resolve_dots(std::string_view text, const DotRules& rules, char* out, bool& to_directory);

// Resolving costs a multiple of reading; no key is so long.
inline constexpr std::size_t kLongestDotted = 4096;

// `path` is valid and has dot segments. Whether holds(reading) is true for all that applications may make of
// it by each of the DotRules: resolved as it is, after it was decoded, or both, as where one program stands
// before another. False without a question for more than kLongestDotted bytes.
template <class Holds>
bool all_resolutions(std::string_view path, Arena& arena, Holds&& holds) {
  if (path.size() > kLongestDotted) return false;
  char* const room = arena.array<char>(path.size());
  const std::string_view decoded = undo_percent(path, arena);
  const unsigned end = decoded.find(';') == std::string_view::npos ? 8 : 16;
  for (unsigned rule = 0; rule < end; ++rule) {
    const bool decode_first = rule % 4 > 1;
    DotRules rules{rule % 4 == 1, rule % 4 == 3, rule / 4 % 2 == 1, rule / 8 == 1};
    bool to_directory = false;
    const std::string_view found = resolve_dots(decode_first ? decoded : path, rules, room, to_directory);
    if (!holds(found)) return false;
    if (to_directory && found.size() > 1 && !holds(found.substr(0, found.size() - 1))) return false;
    if (decode_first) continue;
    if (!holds(decoded_path(found, arena))) return false;
    const std::string_view second = undo_percent(found, arena);
    for (const bool backslash : {false, true}) {
      rules.backslash = backslash;
      if (!holds(resolve_dots(second, rules, room, to_directory))) return false;
    }
  }
  return true;
}

}  // namespace sluice::http
