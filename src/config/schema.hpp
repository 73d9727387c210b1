// Schemas: the keys of each map as data. One table serves the reader and docs/configuration.md, so that what
// is written about a key and what happens to it stand on the same line.
#pragma once

#include "config/cursor.hpp"
#include "config/scalar.hpp"

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
  std::string_view type;      // "duration", "list of addresses"
  std::string_view fallback;  // the default as it would be written, kRequired, or what applies instead
  std::string_view meaning;   // one sentence
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

// Reads every key of a map into `out` and reports unknown and missing ones.
template <class T>
void read_map(const Cursor& at, const Schema<T>& schema, T& out) {
  if (!at.expect(Kind::map, "a map")) return;
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
    if (key.fallback == kRequired && (seen >> i & 1) == 0) at.missing(key.name);
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
