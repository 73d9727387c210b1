#include "cli/verbs.hpp"

#include "sluice/base/text.hpp"
#include "sluice/cli/cli.hpp"
#include "sluice/config/diagnostics_json.hpp"
#include "sluice/config/load.hpp"
#include "sluice/control/process.hpp"
#include "sluice/plan/plan.hpp"

#include "cli/admin_client.hpp"
#include "cli/pools_table.hpp"
#include "cli/resolve.hpp"

#include <algorithm>
#include <initializer_list>
#include <iostream>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;

// Whom a verb speaks to: the process that runs with the file's admin address.
class RunningProcess {
 public:
  explicit RunningProcess(const Options& options) : document_(config::load(options.file, diagnostics_)) {}

  // Empty where nobody answers; `code` is the exit code then, and the reason is on stderr.
  std::optional<AdminReply> ask(const std::string& method, const std::string& target,
                                std::string_view otherwise, int& code) const {
    code = kUnreachable;
    if (document_.admin.value == "off") {
      std::cerr << fmt::format("sluice: admin is off in this configuration; {}\n", otherwise);
      return std::nullopt;
    }
    std::string error;
    auto reply = ask_admin(document_.admin.value, method, target, error);
    if (reply) return reply;
    if (diagnostics_.failed()) {
      // The process reads the same file, and would refuse it; perhaps it is even why we cannot find it.
      std::cerr << diagnostics_.render(document_.files)
                << "refused: the file is invalid; nothing has changed\n";
      code = kInvalid;
      return std::nullopt;
    }
    std::cerr << fmt::format("sluice: nobody answers on {}: {}\n", document_.admin.value, error);
    return std::nullopt;
  }

  // What the reply says, if it is an object that has `keys`: somebody else may listen there.
  std::optional<json::object> object_in(const AdminReply& reply,
                                        std::initializer_list<std::string_view> keys) const {
    boost::system::error_code failure;
    const json::value parsed = json::parse(reply.body, failure);
    const json::object* const object = failure ? nullptr : parsed.if_object();
    const bool ours = object != nullptr && std::all_of(keys.begin(), keys.end(), [&](std::string_view key) {
                        return object->contains(key);
                      });
    if (ours) return *object;
    std::cerr << fmt::format("sluice: unexpected answer {} from {}\n", reply.status, document_.admin.value);
    return std::nullopt;
  }

 private:
  config::Diagnostics diagnostics_;
  config::Document document_;
};

}  // namespace

int run_verb(const Options& options) {
  return control::run(
      [file = options.file](config::Diagnostics& diagnostics) { return config::load(file, diagnostics); });
}

namespace {

// What is wrong with the options, by their names: nobody wrote a file.
std::string option_errors(const config::Diagnostics& diagnostics) {
  std::string out;
  for (const config::Finding& item : diagnostics.findings(config::Severity::error, {})) {
    const bool from = item.path.starts_with("listeners.");
    out += fmt::format("sluice proxy: {}: {}{}{}\n", from ? "--from" : "--to", item.message,
                       item.hint.empty() ? "" : "; ", item.hint);
  }
  return out;
}

}  // namespace

int proxy_verb(const Options& options) {
  // The same words as in a file, so that they mean the same and fail the same.
  std::string text =
      "version: 1\nadmin: off\nlisteners:\n  http: " + json::serialize(json::value(options.from));
  text += "\npools:\n  app:\n    servers:\n";
  for (const std::string& server : options.to)
    text += "      - " + json::serialize(json::value(server)) + "\n";
  text += "routes:\n  - pool: app\n";
  config::Diagnostics wrong;
  config::Document document = config::load_text(text, "sluice proxy", ".", wrong);
  if (wrong.failed()) {
    std::cerr << option_errors(wrong) << "see: sluice help proxy\n";
    return kUsage;
  }
  // What fails later is not to name places in a file either.
  for (config::Listener& listener : document.listeners)
    listener.at = listener.address.at = {};
  return control::run([document](config::Diagnostics&) { return document; });
}

int check_verb(const Options& options) {
  config::Diagnostics diagnostics;
  const auto document = std::make_shared<config::Document>(config::load(options.file, diagnostics));
  const auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), diagnostics);
  if (plan != nullptr) check_names(*plan, diagnostics);
  auto errors = diagnostics.findings(config::Severity::error, document->files);
  auto warnings = diagnostics.findings(config::Severity::warning, document->files);
  if (options.strict) {
    for (config::Finding& warning : std::exchange(warnings, {})) {
      warning.severity = config::Severity::error;
      errors.push_back(std::move(warning));
    }
  }
  const bool ok = errors.empty();
  if (options.json) {
    std::cout << json::serialize(json::object{{"ok", ok},
                                              {"errors", config::to_json(errors)},
                                              {"warnings", config::to_json(warnings)}})
              << "\n";
    return ok ? kDone : kInvalid;
  }
  std::cerr << config::render(errors) << config::render(warnings);
  if (!ok) return kInvalid;
  std::cout << plan::summary(*plan) << "ok\n";
  return kDone;
}

int reload_verb(const Options& options) {
  const RunningProcess process(options);
  int failed = kDone;
  const auto reply = process.ask("POST", "/api/config/reload", "use the signal HUP", failed);
  if (!reply) return failed;
  if (options.json) {
    std::cout << reply->body;
    return reply->status == 200 ? kDone : kInvalid;
  }
  const auto outcome = process.object_in(*reply, {"warnings", "generation", "errors"});
  if (!outcome) return kInvalid;
  std::cerr << config::render(config::findings_in(outcome->at("warnings"), config::Severity::warning));
  const std::uint64_t generation = outcome->at("generation").to_number<std::uint64_t>();
  if (reply->status == 200) {
    std::cout << fmt::format("applied, generation {}\n", generation);
    return kDone;
  }
  std::cerr << config::render(config::findings_in(outcome->at("errors"), config::Severity::error));
  std::cerr << fmt::format("refused, generation {} keeps running\n", generation);
  return kInvalid;
}

int pool_verb(const Options& options) {
  const bool changing = !options.duty.empty();
  const std::string target = changing
                                 ? fmt::format("/api/pools/{}/servers/{}/{}", percent_encoded(options.pool),
                                               percent_encoded(options.server), options.duty)
                                 : "/api/pools";
  const RunningProcess process(options);
  int failed = kDone;
  const auto reply = process.ask(changing ? "POST" : "GET", target, "it is needed for this", failed);
  if (!reply) return failed;
  const bool done = reply->status == 200;
  if (options.json) {
    std::cout << reply->body;
    return done ? kDone : kInvalid;
  }
  if (changing && reply->status == 404) {
    std::cerr << fmt::format("sluice: pool {} has no server {}\n", options.pool, options.server);
    return kInvalid;
  }
  if (changing && done) {
    std::cout << fmt::format("pool {}: server {} is set to {}\n", options.pool, options.server, options.duty);
    return kDone;
  }
  const auto told = process.object_in(*reply, {"pools"});
  if (!told) return kInvalid;
  std::cout << pools_table(told->at("pools"));
  return kDone;
}

}  // namespace sluice::cli
