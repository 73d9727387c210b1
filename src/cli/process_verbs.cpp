// The verbs that change what the running process is made of: its file, and its servers.
#include "sluice/base/text.hpp"

#include "cli/conversation.hpp"
#include "cli/members.hpp"
#include "cli/pools_table.hpp"
#include "cli/report.hpp"
#include "cli/verbs.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto kReloadPatience = 300s;  // it answers when the last worker has the new plan

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
  auto told =
      Conversation(options, report).ask(changing ? "POST" : "GET", target, changing ? "state" : "pools");
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
