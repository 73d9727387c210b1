// Talks to the running process over its admin address.
#pragma once

#include <optional>
#include <string>

namespace sluice::cli {

struct AdminReply {
  int status = 0;
  std::string body;
};

// One request on a connection of its own. Empty with `error` set when nobody answers.
std::optional<AdminReply> ask_admin(const std::string& address, const std::string& method,
                                    const std::string& target, std::string& error);

}  // namespace sluice::cli
