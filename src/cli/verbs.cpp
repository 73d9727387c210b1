#include "cli/verbs.hpp"

#include "sluice/cli/cli.hpp"
#include "sluice/config/load.hpp"
#include "sluice/control/process.hpp"
#include "sluice/plan/plan.hpp"

#include "cli/admin_client.hpp"
#include "cli/options.hpp"

#include <iostream>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;

constexpr const char* kDefaultConfig = "/etc/sluice/sluice.yaml";
const std::vector<OptionSpec> kFileOptions = {{"--config", true}, {"--json", false}};

json::array to_json(const config::Diagnostics& diagnostics, const std::vector<std::string>& files) {
  json::array out;
  for (const config::Diagnostic& item : diagnostics.items()) {
    const bool known = item.at.file < files.size();
    out.push_back(json::object{{"file", known ? files[item.at.file] : ""},
                               {"line", item.at.line},
                               {"column", item.at.column},
                               {"path", item.path},
                               {"message", item.message}});
  }
  return out;
}

json::array to_json(const std::vector<std::string>& lines) {
  json::array out;
  for (const std::string& line : lines)
    out.emplace_back(line);
  return out;
}

}  // namespace

int run_verb(const Arguments& arguments) {
  const auto options = Options::parse(arguments, {{"--config", true}});
  if (!options) return kUsage;
  const std::string file = options->value("--config", kDefaultConfig);
  return control::run([file](config::Diagnostics& diagnostics) { return config::load(file, diagnostics); });
}

int proxy_verb(const Arguments& arguments) {
  const auto options = Options::parse(arguments, {{"--from", true}, {"--to", true, true}});
  if (!options) return kUsage;
  if (!options->has("--from") || !options->has("--to")) {
    std::cerr << "usage: sluice proxy --from ADDR --to ADDR [--to ADDR]...\n";
    return kUsage;
  }
  // The same words as in a file, so that they mean the same and fail the same.
  std::string text =
      "version: 1\nadmin: off\nlisteners:\n  http: " + json::serialize(json::value(options->value("--from")));
  text += "\npools:\n  app:\n    servers:\n";
  for (const std::string& server : options->values("--to"))
    text += "      - " + json::serialize(json::value(server)) + "\n";
  text += "routes:\n  - pool: app\n";
  return control::run([text](config::Diagnostics& diagnostics) {
    return config::load_text(text, "command line", ".", diagnostics);
  });
}

int check_verb(const Arguments& arguments) {
  const auto options = Options::parse(arguments, kFileOptions);
  if (!options) return kUsage;
  config::Diagnostics diagnostics;
  const auto document = std::make_shared<config::Document>(
      config::load(options->value("--config", kDefaultConfig), diagnostics));
  const auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), diagnostics);
  if (options->has("--json")) {
    json::object out{{"ok", plan != nullptr}, {"errors", to_json(diagnostics, document->files)}};
    if (plan != nullptr) out["warnings"] = to_json(plan->warnings());
    std::cout << json::serialize(out) << "\n";
  } else if (plan != nullptr) {
    std::cout << plan::summary(*plan) << "ok\n";
  }
  if (plan != nullptr) return kDone;
  if (!options->has("--json")) std::cerr << diagnostics.render(document->files);
  return kInvalid;
}

int reload_verb(const Arguments& arguments) {
  const auto options = Options::parse(arguments, kFileOptions);
  if (!options) return kUsage;
  // The file names the admin address; when it cannot even be read, the process could not either.
  config::Diagnostics diagnostics;
  const config::Document document = config::load(options->value("--config", kDefaultConfig), diagnostics);
  if (document.admin.value == "off") {
    std::cerr << "sluice: admin is off in this configuration; use the signal HUP\n";
    return kUnreachable;
  }
  std::string error;
  const auto reply = ask_admin(document.admin.value, "POST", "/api/config/reload", error);
  if (!reply) {
    if (!diagnostics.empty()) {
      // The process reads the same file, and would refuse it; perhaps it is even why we cannot find it.
      std::cerr << diagnostics.render(document.files)
                << "refused: the file is invalid; nothing has changed\n";
      return kInvalid;
    }
    std::cerr << fmt::format("sluice: nobody answers on {}: {}\n", document.admin.value, error);
    return kUnreachable;
  }
  if (options->has("--json")) {
    std::cout << reply->body;
    return reply->status == 200 ? kDone : kInvalid;
  }
  boost::system::error_code failure;
  const json::value parsed = json::parse(reply->body, failure);
  const bool ours = !failure && parsed.is_object() && parsed.as_object().contains("warnings") &&
                    parsed.as_object().contains("generation") && parsed.as_object().contains("errors");
  if (!ours) {
    std::cerr << fmt::format("sluice: unexpected answer {} from {}\n", reply->status, document.admin.value);
    return kInvalid;
  }
  const json::object& outcome = parsed.as_object();
  for (const json::value& warning : outcome.at("warnings").as_array()) {
    std::cerr << "warning: " << warning.as_string().c_str() << "\n";
  }
  const std::uint64_t generation = outcome.at("generation").to_number<std::uint64_t>();
  if (reply->status == 200) {
    std::cout << fmt::format("applied, generation {}\n", generation);
    return kDone;
  }
  std::cerr << outcome.at("errors").as_string().c_str();
  std::cerr << fmt::format("refused, generation {} keeps running\n", generation);
  return kInvalid;
}

}  // namespace sluice::cli
