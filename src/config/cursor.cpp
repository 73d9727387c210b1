#include "config/cursor.hpp"

#include "config/path.hpp"
#include "config/text.hpp"

#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

std::string describe(const Node& node) {
  switch (node.kind) {
    case Kind::null: return "nothing";
    case Kind::scalar: return quoted(node.text);
    case Kind::list: return "a list";
    case Kind::map: return "a map";
  }
  return {};
}

}  // namespace

std::string Context::where(Position at) const {
  return fmt::format("{}:{}:{}", files[at.file], at.line, at.column);
}

std::optional<Cursor> Cursor::find(std::string_view key) const {
  if (node_->kind != Kind::map) return std::nullopt;
  for (const Entry& entry : node_->children) {
    if (entry.key->text == key) return value(entry);
  }
  return std::nullopt;
}

std::string Cursor::path() const {
  if (up_ == nullptr) return {};
  std::string out = up_->path();
  if (key_ != nullptr) {
    append_key(out, key_->text);
  } else {
    append_index(out, index_);
  }
  return out;
}

void Cursor::error(std::string message) const { context_->out.add(at(), path(), std::move(message)); }

void Cursor::error_at_key(std::string message) const {
  context_->out.add(key_at(), path(), std::move(message));
}

bool Cursor::expect(Kind kind, std::string_view expected) const {
  if (node_->kind == kind) return true;
  error(fmt::format("expected {}, got {}", expected, describe(*node_)));
  return false;
}

}  // namespace sluice::config
