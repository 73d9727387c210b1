// YAML as a light tree that remembers where everything was written. What YAML permits and a configuration had
// better not is refused here: duplicate keys, merge keys, tags, several documents, keys that are not text.
#pragma once

#include "sluice/config/load.hpp"

#include "config/units.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

inline constexpr std::size_t kMaxDepth = 32;              // maps and lists inside each other
inline constexpr std::size_t kMaxAliasedNodes = 100'000;  // what all aliases of a file stand for, together
inline constexpr std::size_t kMaxLookahead = 4 * kMiB;    // bytes of one scalar or one {…} or […]

enum class Kind : std::uint8_t { null, scalar, list, map };

struct Node;

struct Entry {
  const Node* key = nullptr;  // always a scalar; none in lists
  const Node* value = nullptr;
};

struct Node {
  Kind kind = Kind::null;
  bool quoted = false;   // quotes, `|`, `>` or !!str: text, whatever it looks like
  bool refused = false;  // it has its error, and another kind than what is expected is none more
  Position at;           // columns count bytes
  std::string text;      // of scalars; escapes resolved, ${NAME} not
  std::vector<Entry> children;
};

// Owns the nodes of one file. An alias is its anchor's node, reached a second time.
class Tree {
 public:
  // Reads one file's text. Errors go to `out`; root() is then the part that could be read, or none.
  static Tree parse(std::string_view text, std::uint32_t file, Diagnostics& out);

  const Node* root() const { return root_; }

 private:
  friend class TreeBuilder;
  std::deque<Node> nodes_;  // a deque, for nodes point at each other
  const Node* root_ = nullptr;
};

}  // namespace sluice::config
