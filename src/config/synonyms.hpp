// What people call things who know other proxies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// The key of `known`, those of one map, that `word` most likely stands for: misspelt, or by the name that
// another proxy has for it; "max.body" is a key of the map `max`. Empty when there is none.
std::string_view meant_key(std::string_view word, const std::vector<std::string_view>& known);

// The same for the words that a key takes.
std::string_view meant_value(std::string_view word, const std::vector<std::string_view>& known);

// Whether another proxy's `word` is for what one of `later` will do.
bool means_later_key(std::string_view word, std::span<const std::string_view> later);

// For a key that is right at the top of the file and stood elsewhere: the end of a message that says so, or
// nothing.
std::string place_of_key(std::string_view key);

}  // namespace sluice::config
