// Dotted paths of messages: pools.app.servers[1].
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::config {

// Keys with characters that would confuse the reader are put in quotes.
void append_key(std::string& path, std::string_view key);
void append_index(std::string& path, std::size_t index);

}  // namespace sluice::config
