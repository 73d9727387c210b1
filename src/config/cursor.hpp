// A place in the tree while it is being read: the node, how it was reached, and where complaints go.
#pragma once

#include "sluice/config/load.hpp"

#include "config/file.hpp"
#include "config/tree.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// What reading a file needs besides its tree.
struct Context {
  Diagnostics& out;
  std::vector<std::string>& files;  // Document::files
  std::string base;                 // directory that relative paths start from
  FileId main;                      // the first file, which no pattern may include again

  // "file:line:col", for messages that point at a second place.
  std::string where(Position at) const;
};

// Cursors live on the stack and point at the one above, so that a path costs nothing until an error needs it:
// a cursor must not outlive the one it came from.
class Cursor {
 public:
  // `place` is where the root stands in the document: "" unless it is an included file's.
  Cursor(Context& context, const Node& root, std::string_view place = {})
      : context_(&context), place_(place), node_(&root) {}

  Cursor value(const Entry& entry) const { return {*this, entry.key, 0, *entry.value}; }
  // The value under `key`; nothing when this is no map, or one without that key.
  std::optional<Cursor> find(std::string_view key) const;
  Cursor item(std::size_t index) const { return {*this, nullptr, index, *node_->children[index].value}; }

  const Node& node() const { return *node_; }
  const std::vector<Entry>& children() const { return node_->children; }
  Position at() const { return node_->at; }
  std::string_view key() const { return key_ != nullptr ? std::string_view(key_->text) : std::string_view(); }
  Position key_at() const { return key_ != nullptr ? key_->at : node_->at; }
  Context& context() const { return *context_; }

  std::string path() const;
  std::string path_of(std::string_view key) const;    // of a key of this map, written or not
  void error(std::string_view message) const;         // at the value
  void error_at_key(std::string_view message) const;  // at the key that leads to the value
  // That the map has no `key`, in these words or the usual ones, unless something else may stand for it.
  void missing(std::string_view key, std::string_view message = {}) const;

  // Whether `key` of this map may be meant by something that could not be read.
  bool doubtful(std::string_view key) const;

  // Whether the value is of that kind; an error, naming what was `expected`, if not. `hint` is the end of the
  // message where nothing better is known.
  bool expect(Kind kind, std::string_view expected, std::string_view hint = {}) const;

 private:
  Cursor(const Cursor& up, const Node* key, std::size_t index, const Node& node)
      : context_(up.context_), up_(&up), key_(key), index_(index), node_(&node) {}

  Context* context_;
  std::string_view place_;
  const Cursor* up_ = nullptr;
  const Node* key_ = nullptr;
  std::size_t index_ = 0;
  const Node* node_;
};

}  // namespace sluice::config
