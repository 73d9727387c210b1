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

// "a, b" as the items of a list.
std::string items_of(std::string_view text) {
  std::string out;
  for_each_element(text, [&](std::string_view item) {
    out += (out.empty() ? "" : ", ") + quoted(item);
    return true;
  });
  return out;
}

// What turns a value of one kind into one of another, for the mistakes that are made most.
std::string what_to_write(Kind kind, const Node& node) {
  if (kind == Kind::list && node.kind == Kind::scalar)
    return fmt::format("; write [{}]", items_of(node.text));
  if (kind == Kind::list && node.kind == Kind::map) return "; each item begins with \"- \"";
  if (kind == Kind::map && node.kind == Kind::scalar && !node.quoted) {
    const std::size_t colon = node.text.find(':');
    const bool key = colon != 0 && colon + 1 < node.text.size() && is_alpha(node.text.front());
    if (colon != std::string::npos && key && !is_digit(node.text[colon + 1])) {
      const std::string spaced = node.text.substr(0, colon) + ": " + node.text.substr(colon + 1);
      return fmt::format("; write {}, with a space", quoted(spaced));
    }
  }
  if (kind == Kind::map && node.kind == Kind::list) return "; write \"NAME: …\" instead of \"- …\"";
  const bool single = node.kind != Kind::scalar && node.children.size() == 1;
  if (kind == Kind::scalar && node.kind == Kind::map && single) {
    const Entry& only = node.children[0];
    const bool named = only.key->text == "header" || only.key->text == "cookie";
    if (named && only.value->kind == Kind::scalar)
      return fmt::format("; write {}, without a space", quoted(only.key->text + ':' + only.value->text));
  }
  if (kind == Kind::scalar && node.kind == Kind::list && single &&
      node.children[0].value->kind == Kind::scalar)
    return fmt::format("; write {} without the brackets", quoted(node.children[0].value->text));
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
  if (up_ == nullptr) return std::string(place_);
  std::string out = up_->path();
  if (key_ != nullptr) {
    append_key(out, key_->text);
  } else {
    append_index(out, index_);
  }
  return out;
}

std::string Cursor::path_of(std::string_view key) const {
  std::string out = path();
  append_key(out, key);
  return out;
}

void Cursor::error(std::string_view message) const { context_->out.add(at(), path(), message); }

void Cursor::error_at_key(std::string_view message) const { context_->out.add(key_at(), path(), message); }

void Cursor::missing(std::string_view key, std::string_view message) const {
  if (doubtful(key)) return;
  if (message.empty()) {
    context_->out.missing(key_at(), path(), key);
  } else {
    context_->out.add(key_at(), path_of(key), message);
  }
}

bool Cursor::doubtful(std::string_view key) const { return context_->out.doubtful(path_of(key)); }

bool Cursor::expect(Kind kind, std::string_view expected, std::string_view hint) const {
  if (node_->kind == kind) return true;
  if (node_->refused) return false;
  const std::string better = what_to_write(kind, *node_);
  error(fmt::format("expected {}, got {}{}", expected, describe(*node_), better.empty() ? hint : better));
  return false;
}

}  // namespace sluice::config
