// Asking the running process. It needs its admin address and nothing else of the file, which may be half
// edited: that is when it is needed most.
#pragma once

#include "cli/admin_client.hpp"
#include "cli/command_line.hpp"
#include "cli/report.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace sluice::cli {

inline constexpr std::chrono::seconds kPatience{10};

// A request to the process, and what becomes of it in the report.
class Conversation {
 public:
  Conversation(const Options& options, Report& report) : options_(options), report_(report) {}

  // The object that it answered with, which has `key` where it went well; nothing where there is none, and
  // the report says why.
  std::optional<boost::json::object> ask(const std::string& method, const std::string& target,
                                         std::string_view key, std::chrono::seconds patience = kPatience);

 private:
  std::string admin_address();
  // Somebody else may listen there.
  std::optional<boost::json::object> object_in(const AdminReply& reply, std::string_view key,
                                               const std::string& address);
  // The report has them for itself.
  void take_findings(boost::json::object& object, bool done);

  const Options& options_;
  Report& report_;
};

}  // namespace sluice::cli
