// Reading configuration: files in, a Document or every error out.
#pragma once

#include "sluice/config/diagnostics.hpp"
#include "sluice/config/document.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// Loads `path` and what it includes. Errors go to `out`; the Document is then as complete as it could be
// made, good for finding further errors but not for running. Never throws; reads no environment but for
// ${NAME}.
Document load(const std::string& path, Diagnostics& out);

// The same for text that is in no file; `name` stands for it in messages, relative paths are taken from
// `base`.
Document load_text(std::string_view text, const std::string& name, const std::string& base, Diagnostics& out);

// The known name that `word` most likely meant: the nearest within a third of its length, rounded up, or the
// only one that has its beginning. Or empty.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);
// The same as the end of a message: `; did you mean "x"?`, or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

// Host names as written by people to what is compared on the wire: lower case, no trailing dot, IDNA 2008
// A-labels for anything outside ASCII. A leading "*." is kept. Empty when the name cannot be a host.
std::string canonical_host(std::string_view host);

// A duration as it stands in the file: "15m". Empty: `problem` says why.
std::optional<Duration> duration_in(std::string_view text, std::string& problem);

// docs/configuration.md, from the schema: every key with type, default and meaning.
std::string reference_markdown();

}  // namespace sluice::config
