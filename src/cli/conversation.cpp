#include "cli/conversation.hpp"

#include "sluice/config/admin.hpp"
#include "sluice/config/diagnostics_json.hpp"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {

namespace json = boost::json;

std::optional<json::object> Conversation::ask(const std::string& method, const std::string& target,
                                              std::string_view key, std::chrono::seconds patience) {
  const std::string address = admin_address();
  if (address.empty()) return std::nullopt;
  std::string why;
  const auto reply = ask_admin(address, method, target, patience, why);
  if (!reply) {
    // An order that was sent waits where the process will find it.
    const bool pending = method == "POST" && why.starts_with("no answer");
    report_.fail(kUnreachable,
                 fmt::format("cannot reach the running process at {}: {}{}", address, why,
                             pending ? "; the order was sent, and may still take effect" : ""),
                 options_.admin.empty() ? "--admin ADDR names another address" : "");
    return std::nullopt;
  }
  return object_in(*reply, key, address);
}

std::string Conversation::admin_address() {
  if (!options_.admin.empty()) {
    std::string problem;
    std::string address = config::parse_admin(options_.admin, problem);
    if (!problem.empty()) report_.fail(kUsage, "--admin: " + problem);
    return address;
  }
  const config::AdminAddress found = config::find_admin(options_.file);
  if (found.unreadable && options_.file_named) {
    // A name that is mistyped must not lead to a process that somebody else meant.
    config::Finding error = *found.doubt;
    error.severity = config::Severity::error;
    error.hint = "--admin ADDR asks without a file";
    report_.code = kInvalid;
    report_.errors.push_back(std::move(error));
    return {};
  }
  if (found.doubt) report_.warnings.push_back(*found.doubt);
  if (found.value != "off") return found.value;
  report_.fail(kUnreachable,
               fmt::format("{}: admin is off, so the running process cannot be asked", options_.file),
               "the signal HUP makes it reload");
  return {};
}

std::optional<json::object> Conversation::object_in(const AdminReply& reply, std::string_view key,
                                                    const std::string& address) {
  boost::system::error_code failure;
  json::value parsed = json::parse(reply.body, failure);
  json::object* const object = failure ? nullptr : parsed.if_object();
  const bool done = reply.status == 200;
  if (object == nullptr || !object->contains(done ? key : "errors")) {
    report_.fail(kInvalid, fmt::format("unexpected answer {} from {}", reply.status, address),
                 "does Sluice listen there?");
    return std::nullopt;
  }
  take_findings(*object, done);
  return std::move(*object);
}

void Conversation::take_findings(json::object& object, bool done) {
  if (!done) report_.code = kInvalid;
  for (const auto& [key, to, severity] :
       {std::tuple("errors", &report_.errors, config::Severity::error),
        std::tuple("warnings", &report_.warnings, config::Severity::warning)}) {
    const json::value* const list = object.if_contains(key);
    if (list == nullptr) continue;
    for (config::Finding& item : config::findings_in(*list, severity))
      to->push_back(std::move(item));
    object.erase(key);
  }
  // The process has read the same file, and says better what is wrong there.
  std::erase_if(report_.warnings, [&](const config::Finding& warning) {
    return std::any_of(report_.errors.begin(), report_.errors.end(), [&](const config::Finding& error) {
      return error.line != 0 && error.line == warning.line && error.column == warning.column &&
             std::filesystem::path(error.file).filename() == std::filesystem::path(warning.file).filename();
    });
  });
}

}  // namespace sluice::cli
