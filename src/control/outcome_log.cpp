#include "control/outcome_log.hpp"

#include "sluice/config/diagnostics_json.hpp"
#include "sluice/control/json_text.hpp"
#include "sluice/observe/log.hpp"

#include <string>
#include <string_view>

#include <boost/json/object.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace json = boost::json;
using observe::LogLevel;

// The object's inside.
std::string members_of(const json::object& object) {
  const std::string text = json_text(object);
  return text.substr(1, text.size() - 2);
}

void log(LogLevel level, std::string_view event, std::string_view message, const Outcome& outcome) {
  const std::string members = members_of({{"event", event},
                                          {"result", outcome.applied ? "applied" : "refused"},
                                          {"generation", outcome.generation},
                                          {"file", outcome.file},
                                          {"errors", config::to_json(outcome.errors)},
                                          {"warnings", config::to_json(outcome.warnings)}});
  write_record(level, {message, config::render(outcome.errors) + config::render(outcome.warnings), members});
}

}  // namespace

void log_reload(const Outcome& outcome) {
  if (outcome.applied) {
    log(outcome.warnings.empty() ? LogLevel::info : LogLevel::warn, "reload",
        fmt::format("reload applied, generation {}", outcome.generation), outcome);
  } else {
    log(LogLevel::error, "reload",
        fmt::format("reload refused, generation {} keeps running", outcome.generation), outcome);
  }
}

void log_failed_start(const Outcome& outcome) { log(LogLevel::error, "start", "cannot start", outcome); }

void log_renewal(const std::vector<config::Finding>& errors) {
  const std::string members = members_of({{"event", "renewal"}, {"errors", config::to_json(errors)}});
  write_record(LogLevel::error,
               {"certificate files changed but cannot be used", config::render(errors), members});
}

}  // namespace sluice::control
