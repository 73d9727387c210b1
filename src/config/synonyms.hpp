// What people call things who know other proxies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// The key of `known`, those of one map, that `word` most likely stands for: misspelt, or by the name that
// another proxy has for it. Empty when there is none.
std::string_view meant_key(std::string_view word, const std::vector<std::string_view>& known);

// The same for the words that a key takes.
std::string_view meant_value(std::string_view word, const std::vector<std::string_view>& known);

// For a key that is right at the top of the file and stood elsewhere: the end of a message that says so, or
// nothing.
std::string place_of_key(std::string_view key);

}  // namespace sluice::config
