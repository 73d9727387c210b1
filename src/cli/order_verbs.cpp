// The verbs for bans and for tenants on hold.
#include "sluice/base/text.hpp"

#include "cli/conversation.hpp"
#include "cli/members.hpp"
#include "cli/orders_table.hpp"
#include "cli/report.hpp"
#include "cli/verbs.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::cli {
namespace {

namespace json = boost::json;

// A path with parameters, of those that have a value.
class Target {
 public:
  explicit Target(std::string path) : text_(std::move(path)) {}
  Target& with(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ +=
        fmt::format("{}{}={}", text_.find('?') == std::string::npos ? '?' : '&', key, percent_encoded(value));
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The list at `key`, as `table` shows it.
int list(const Options& options, const Target& target, std::string_view key,
         std::string (*table)(const json::value&), std::string_view none) {
  Report report;
  auto told = Conversation(options, report).ask("GET", target.text(), key);
  if (told) {
    if (report.code == kDone) report.text = table(told->at(key));
    if (report.code == kDone && report.text.empty()) report.text = none;
    report.members = std::move(*told);
  }
  return print(report, options.json);
}

// `words` says what was done, of what the process has answered.
template <class Words>
int change(const Options& options, const Target& target, std::string_view key, Words words) {
  Report report;
  auto told = Conversation(options, report).ask("POST", target.text(), key);
  if (told) {
    if (report.code == kDone) report.text = words(*told);
    report.members = std::move(*told);
  }
  return print(report, options.json);
}

std::string because(const json::object& told) {
  const std::string_view reason = text_in(told, "reason");
  const json::value* const kept = told.if_contains("reason_kept");
  const bool before = kept != nullptr && kept->is_bool() && kept->get_bool();
  return reason.empty() ? std::string() : fmt::format(": {}{}", reason, before ? " (as before)" : "");
}

std::string for_whom(const json::object& told) {
  const std::string_view tenant = text_in(told, "tenant");
  return tenant.empty() ? "all tenants" : fmt::format("tenant {}", tenant);
}

}  // namespace

int ban_verb(const Options& options) {
  if (options.action.empty() || options.action == "list") {
    Target target("/api/bans");
    const std::string none =
        options.address.empty() ? "nobody is banned\n" : fmt::format("no ban concerns {}\n", options.address);
    return list(options, target.with("address", options.address), "bans", &bans_table, none);
  }
  const bool adding = options.action == "add";
  Target target(adding ? "/api/bans" : "/api/bans/lift");
  target.with("address", options.address).with("tenant", options.tenant);
  if (!adding) {
    return change(options, target, "block", [](const json::object& told) {
      return fmt::format("{}: the ban for {} is lifted\n", text_in(told, "block"), for_whom(told));
    });
  }
  target.with("until", options.until).with("reason", options.reason).with("force", options.force ? "1" : "");
  return change(options, target, "block", [](const json::object& told) {
    return fmt::format("{}: banned for {} until {}{}\n", text_in(told, "block"), for_whom(told),
                       text_in(told, "until"), because(told));
  });
}

int tenant_verb(const Options& options) {
  if (options.action.empty() || options.action == "list") {
    const bool held = !options.all && options.tenant.empty();
    Target target("/api/tenants");
    target.with("match", options.tenant).with("held", held ? "true" : "");
    return list(options, target, "tenants", &tenants_table,
                held ? "no tenant is on hold; --all lists all\n" : "there is no such tenant\n");
  }
  Target target(fmt::format("/api/tenants/{}/{}", percent_encoded(options.tenant), options.action));
  if (options.action == "release") {
    return change(options, target, "tenant", [](const json::object& told) {
      return fmt::format("tenant {}: released\n", text_in(told, "tenant"));
    });
  }
  target.with("until", options.until).with("reason", options.reason);
  return change(options, target, "tenant", [](const json::object& told) {
    return fmt::format("tenant {}: on hold until {}{}\n", text_in(told, "tenant"), text_in(told, "until"),
                       because(told));
  });
}

}  // namespace sluice::cli
