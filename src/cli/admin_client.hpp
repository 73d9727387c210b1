// Talks to the running process over its admin address.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace sluice::cli {

struct AdminReply {
  int status = 0;
  std::string body;
};

// One request on a connection of its own; `address` is one that the configuration would take. Empty when
// nobody answers within `patience`, with the reason in `why`.
std::optional<AdminReply> ask_admin(const std::string& address, const std::string& method,
                                    const std::string& target, std::chrono::seconds patience,
                                    std::string& why);

}  // namespace sluice::cli
