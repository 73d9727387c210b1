// Schemas: the keys of each map as data. One table serves the reader and docs/configuration.md, so that what
// is written about a key and what happens to it stand on the same line.
#pragma once

#include "config/cursor.hpp"
#include "config/scalar.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::config {

inline constexpr std::string_view kRequired = "required";

// What the reference says about a key.
struct KeyText {
  std::string_view name;
  std::string_view type;          // "duration", "list of addresses"
  std::string_view fallback;      // the default as it would be written, kRequired, or what applies instead
  std::string_view meaning;       // one sentence
  std::string_view missing = {};  // what is said where it is required and not there; empty: the usual
};

template <class T>
struct Key {
  KeyText text;
  void (*read)(const Cursor& at, T& out);
};

// A key that is refused for a better reason than being unknown.
struct Misplaced {
  std::string_view name;
  std::string_view reason;  // a complete message
};

// What the reference says about a map, and which keys it refuses in which words.
struct SchemaText {
  std::string_view where;  // "pools.NAME", empty for the top
  std::string_view intro;
  std::span<const std::string_view> later = {};  // keys of later versions
  std::span<const Misplaced> misplaced = {};
  std::string_view lone = {};  // keys, with spaces between, that a value alone may stand for
};

template <class T>
struct Schema {
  SchemaText text;
  std::span<const Key<T>> keys;
};

// Reports a key that the schema does not have. What was meant by it is in doubt then: the key that it most
// likely stands for, or else anything in the map.
void refuse_key(const Cursor& map, const Cursor& at, const SchemaText& schema,
                const std::vector<std::string_view>& known);

// The end of a message about a value where a map is expected. `key` is the one that the value is meant for;
// empty when there is none.
std::string instead_of_map(const Cursor& at, std::string_view key, std::string_view required);

// The same, where `key` is the first of the schema's lone keys that takes the value.
template <class T>
std::string lone_hint(const Cursor& at, const Schema<T>& schema) {
  if (at.node().kind != Kind::scalar) return {};
  std::string_view required;
  for (const Key<T>& key : schema.keys) {
    if (key.text.fallback == kRequired && required.empty()) required = key.text.name;
  }
  std::string_view rest = schema.text.lone;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const auto key = std::find_if(schema.keys.begin(), schema.keys.end(),
                                  [&](const Key<T>& candidate) { return candidate.text.name == name; });
    Diagnostics trial;
    Context context{trial, at.context().files, at.context().base, at.context().main};
    T ignored{};
    key->read(Cursor(context, at.node()), ignored);
    if (!trial.failed()) return instead_of_map(at, name, required);
  }
  return instead_of_map(at, {}, required);
}

// Reads every key of a map into `out` and reports unknown and missing ones.
template <class T>
void read_map(const Cursor& at, const Schema<T>& schema, T& out) {
  if (at.node().kind != Kind::map) {
    at.expect(Kind::map, "a map", lone_hint(at, schema));
    return;
  }
  std::uint64_t seen = 0;
  for (const Entry& entry : at.children()) {
    const Cursor value = at.value(entry);
    std::size_t i = 0;
    while (i < schema.keys.size() && schema.keys[i].text.name != value.key())
      ++i;
    if (i < schema.keys.size()) {
      seen |= std::uint64_t{1} << i;
      schema.keys[i].read(value, out);
    } else {
      std::vector<std::string_view> known;
      for (const Key<T>& key : schema.keys)
        known.push_back(key.text.name);
      refuse_key(at, value, schema.text, known);
    }
  }
  for (std::size_t i = 0; i < schema.keys.size(); ++i) {
    const KeyText& key = schema.keys[i].text;
    if (key.fallback == kRequired && (seen >> i & 1) == 0) at.missing(key.name, key.missing);
  }
}

// Calls read(cursor) for every item; an error when `at` is no list.
template <class Read>
void read_list(const Cursor& at, Read read) {
  if (!at.expect(Kind::list, "a list")) return;
  for (std::size_t i = 0; i < at.children().size(); ++i)
    read(at.item(i));
}

template <class Member>
struct MemberOf;
template <class Owner, class Value>
struct MemberOf<Value Owner::*> {
  using owner = Owner;
  using value = Value;
};
template <auto Member>
using OwnerOf = typename MemberOf<decltype(Member)>::owner;
template <auto Member>
using ValueOf = typename MemberOf<decltype(Member)>::value;

// The functions below fill one member each and are what tables name. `Read` answers std::optional; when it
// answers nothing it has reported why, and the member keeps its default.

template <auto Member, auto Read>
void set(const Cursor& at, OwnerOf<Member>& out) {
  auto value = Read(at);
  if (!value) return;
  if constexpr (std::is_integral_v<ValueOf<Member>>) {
    out.*Member = static_cast<ValueOf<Member>>(*value);  // the reader's range keeps it within the member's
  } else {
    out.*Member = std::move(*value);
  }
}

// The same, keeping the position.
template <auto Member, auto Read>
void locate(const Cursor& at, OwnerOf<Member>& out) {
  if (auto value = Read(at)) out.*Member = Located<std::string>{std::move(*value), at.at()};
}

template <auto Member, auto Read>
void locate_list(const Cursor& at, OwnerOf<Member>& out) {
  read_list(at, [&](const Cursor& item) {
    if (auto value = Read(item)) (out.*Member).push_back({std::move(*value), item.at()});
  });
}

// The same for lists in which nothing would be a mistake.
template <auto Member, auto Read>
void locate_some(const Cursor& at, OwnerOf<Member>& out) {
  locate_list<Member, Read>(at, out);
  if (at.node().kind == Kind::list && at.children().empty())
    at.error("the list is empty; leave the key out instead");
}

// A map with a schema of its own; optional members come to be.
template <auto Member, const auto& MapSchema>
void nest(const Cursor& at, OwnerOf<Member>& out) {
  if constexpr (requires { (out.*Member).emplace(); }) {
    read_map(at, MapSchema, (out.*Member).emplace());
  } else {
    read_map(at, MapSchema, out.*Member);
  }
}

}  // namespace sluice::config
