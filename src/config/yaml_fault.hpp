// What is wrong with text that is no YAML. The parser says where it gave up; people want to know where they
// went wrong, which is often lines before.
#pragma once

#include "sluice/config/value.hpp"

#include "config/yaml_slip.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <yaml-cpp/exceptions.h>

namespace sluice::config {

struct Fault {
  Position at;
  std::string text;  // for Diagnostics::add
};

// `text` as the parser saw it.
Fault explain(const YAML::Exception& error, std::string_view text, std::uint32_t file);

// What is said about a quote that does not end, or ends where more follows.
Fault quote_fault(const Quote& quote, std::string_view text, std::uint32_t file);

// Where `offset` is.
Position position_at(std::string_view text, std::size_t offset, std::uint32_t file);

}  // namespace sluice::config
