// Where a process is to be found that was started with a file, whatever has become of that file since: the
// verbs that steer it are needed most while somebody is still editing.
#pragma once

#include "sluice/config/diagnostics.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace sluice::config {

struct AdminAddress {
  std::string value;  // as Document::admin
  // A warning: why that may not be what the file means. It cannot be read, or not as YAML.
  std::optional<Finding> doubt;
  bool unreadable = false;  // the file cannot be had at all
};

// Reads `admin` and nothing else. Other mistakes do not matter; of text that is no YAML it takes what looks
// like `admin`, and the default where nothing does.
AdminAddress find_admin(const std::string& path);

// The same of text; `name` stands for it in the doubt.
AdminAddress find_admin_in(std::string_view text, const std::string& name);

// An address as `admin` takes it, in its canonical form; empty, with the reason in `problem`, for any other.
std::string parse_admin(std::string_view text, std::string& problem);

}  // namespace sluice::config
