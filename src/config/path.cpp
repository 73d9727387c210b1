#include "config/path.hpp"

#include "config/text.hpp"

#include <algorithm>

namespace sluice::config {
namespace {

bool is_plain(char c) { return is_alnum(c) || c == '_' || c == '-'; }

}  // namespace

void append_key(std::string& path, std::string_view key) {
  if (!path.empty()) path += '.';
  const bool plain = !key.empty() && key.size() <= 80 && std::all_of(key.begin(), key.end(), is_plain);
  path += plain ? std::string(key) : quoted(key);
}

void append_index(std::string& path, std::size_t index) { path += '[' + std::to_string(index) + ']'; }

}  // namespace sluice::config
