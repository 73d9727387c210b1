// The verbs that speak to the running process. They need its admin address and nothing else of the file,
// which may be half edited: that is when they are needed most.
#include "sluice/base/text.hpp"
#include "sluice/config/admin.hpp"
#include "sluice/config/diagnostics_json.hpp"

#include "cli/admin_client.hpp"
#include "cli/members.hpp"
#include "cli/pools_table.hpp"
#include "cli/report.hpp"
#include "cli/verbs.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kPatience = 10s;
constexpr auto kReloadPatience = 300s;  // it answers when the last worker has the new plan

// A request to the process, and what becomes of it in the report.
class Conversation {
 public:
  Conversation(const Options& options, Report& report) : options_(options), report_(report) {}

  // The object that it answered with, which has `key` where it went well; nothing where there is none, and
  // the report says why.
  std::optional<json::object> ask(const std::string& method, const std::string& target, std::string_view key,
                                  std::chrono::seconds patience) {
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

 private:
  std::string admin_address() {
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

  // Somebody else may listen there.
  std::optional<json::object> object_in(const AdminReply& reply, std::string_view key,
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

  // The report has them for itself.
  void take_findings(json::object& object, bool done) {
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

  const Options& options_;
  Report& report_;
};

// The process looks whether it is its own.
std::string reload_target(const Options& options) {
  std::string out = "/api/config/reload";
  if (!options.file_named) return out;
  std::error_code ignored;  // without a working directory the name stays as it is
  const std::filesystem::path absolute = std::filesystem::absolute(options.file, ignored);
  return out + "?file=" + percent_encoded(ignored ? options.file : absolute.lexically_normal().string());
}

}  // namespace

int reload_verb(const Options& options) {
  Report report;
  auto outcome =
      Conversation(options, report).ask("POST", reload_target(options), "generation", kReloadPatience);
  if (outcome) {
    const std::int64_t generation = number_in(*outcome, "generation");
    const std::string which = options.file_named ? "" : fmt::format(": {}", text_in(*outcome, "file"));
    report.text = report.code == kDone ? fmt::format("applied, generation {}{}\n", generation, which)
                                       : fmt::format("refused, generation {} keeps running\n", generation);
    report.members = std::move(*outcome);
  }
  return print(report, options.json);
}

int pool_verb(const Options& options) {
  const bool changing = !options.duty.empty();
  const std::string target = changing
                                 ? fmt::format("/api/pools/{}/servers/{}/{}", percent_encoded(options.pool),
                                               percent_encoded(options.server), options.duty)
                                 : "/api/pools";
  Report report;
  auto told = Conversation(options, report)
                  .ask(changing ? "POST" : "GET", target, changing ? "state" : "pools", kPatience);
  if (told) {
    if (changing && report.code == kDone) {
      report.text =
          fmt::format("pool {}: server {} is set to {}\n", options.pool, options.server, options.duty);
    } else if (const json::value* const pools = told->if_contains("pools"); pools != nullptr) {
      report.text = pools_table(*pools);
    }
    report.members = std::move(*told);
  }
  return print(report, options.json);
}

}  // namespace sluice::cli
