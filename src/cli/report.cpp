#include "cli/report.hpp"

#include "sluice/config/diagnostics_json.hpp"
#include "sluice/control/json_text.hpp"

#include <iostream>
#include <utility>

namespace sluice::cli {
namespace {

// What concerns no file is said by the program.
std::string lines(const std::vector<config::Finding>& findings) {
  std::string out;
  for (const config::Finding& item : findings) {
    if (item.file.empty()) out += "sluice: ";
    out += config::render({item});
  }
  return out;
}

}  // namespace

void Report::fail(int with, std::string message, std::string hint) {
  code = with;
  config::Finding error = config::finding(config::Severity::error, std::move(message));
  error.hint = std::move(hint);
  errors.push_back(std::move(error));
}

std::string as_json(const Report& report) {
  boost::json::object out = report.members;
  out["errors"] = config::to_json(report.errors);
  out["warnings"] = config::to_json(report.warnings);
  out["exit_code"] = report.code;
  return control::json_text(out) + "\n";
}

int print(const Report& report, bool json) {
  if (json) {
    std::cout << as_json(report);
    return report.code;
  }
  std::cerr << lines(report.errors) << lines(report.warnings);
  (report.code == kDone ? std::cout : std::cerr) << report.text;
  return report.code;
}

}  // namespace sluice::cli
