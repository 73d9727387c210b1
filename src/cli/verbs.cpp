#include "cli/verbs.hpp"

#include "sluice/cli/cli.hpp"
#include "sluice/config/limit_text.hpp"
#include "sluice/config/load.hpp"
#include "sluice/control/process.hpp"
#include "sluice/plan/guards.hpp"

#include "cli/report.hpp"
#include "cli/resolve.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <boost/json.hpp>

namespace sluice::cli {

namespace json = boost::json;

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

// More would be a report that nobody reads.
constexpr std::size_t kMostGuards = 10'000;

void add_policies(const plan::Plan& plan, json::object& out) {
  const plan::Guards guards = plan::guards(plan, kMostGuards);
  json::array limits;
  for (const config::Limit& limit : plan.document().limits)
    limits.push_back(json::object{{"name", limit.name}, {"terms", config::describe(limit)}});
  json::array policies;
  for (const plan::Guards::Line& line : guards.lines)
    policies.push_back(json::object{{"of", line.of}, {"policies", json::value_from(line.policies)}});
  if (!limits.empty()) out["limits"] = std::move(limits);
  if (const auto& store = plan.document().limit_store) out["limit_store"] = config::describe(*store);
  if (!policies.empty()) out["policies"] = std::move(policies);
  if (guards.left_out != 0) out["policies_left_out"] = guards.left_out;
}

}  // namespace

int run_verb(const Options& options) {
  std::error_code ignored;  // without a working directory nothing is known but the name
  const std::filesystem::path absolute = std::filesystem::absolute(options.file, ignored);
  return control::run({[file = options.file](config::Diagnostics& out) { return config::load(file, out); },
                       ignored ? options.file : absolute.lexically_normal().string()});
}

int proxy_verb(const Options& options) {
  for (auto server = options.to.begin(); server != options.to.end(); ++server) {
    if (std::find(options.to.begin(), server, *server) == server) continue;
    std::cerr << fmt::format("sluice proxy: --to is given twice with {}\nsee: sluice help proxy\n", *server);
    return kUsage;
  }
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
  return control::run({[document](config::Diagnostics&) { return document; }});
}

int check_verb(const Options& options) {
  config::Diagnostics diagnostics;
  const auto document = std::make_shared<config::Document>(config::load(options.file, diagnostics));
  const auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), diagnostics);
  if (plan != nullptr) check_names(*plan, diagnostics);
  Report report;
  report.errors = diagnostics.findings(config::Severity::error, document->files);
  report.warnings = diagnostics.findings(config::Severity::warning, document->files);
  if (options.strict) {
    for (config::Finding& warning : std::exchange(report.warnings, {})) {
      warning.severity = config::Severity::error;
      report.errors.push_back(std::move(warning));
    }
  }
  const bool ok = report.errors.empty();
  report.code = ok ? kDone : kInvalid;
  report.members["ok"] = ok;
  if (ok) {
    report.text = plan::summary(*plan) + "ok\n";
    add_policies(*plan, report.members);
  }
  return print(report, options.json);
}

}  // namespace sluice::cli
