// Members of what a process answered, which may be of another version: what is not there, or is something
// else, is empty or 0.
#pragma once

#include <cstdint>
#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace sluice::cli {

// A view into `of`.
inline std::string_view text_in(const boost::json::object& of, std::string_view key) {
  const boost::json::value* const value = of.if_contains(key);
  const boost::json::string* const found = value != nullptr ? value->if_string() : nullptr;
  return found != nullptr ? std::string_view(found->data(), found->size()) : std::string_view();
}

inline std::int64_t number_in(const boost::json::object& of, std::string_view key) {
  const boost::json::value* const value = of.if_contains(key);
  boost::system::error_code none;
  return value != nullptr && value->is_number() ? value->to_number<std::int64_t>(none) : 0;
}

}  // namespace sluice::cli
