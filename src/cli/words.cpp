#include "cli/words.hpp"

#include "sluice/config/load.hpp"
#include "sluice/control/moment.hpp"
#include "sluice/control/reason.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::cli {
namespace {

constexpr std::string_view kDuties[] = {"drain", "ready", "maintenance"};
constexpr std::string_view kBanActions[] = {"list", "add", "lift"};
constexpr std::string_view kTenantActions[] = {"list", "hold", "release"};
constexpr const char* kBanOptions[] = {"--until", "--for", "--reason", "--force", "--tenant"};
constexpr const char* kTenantOptions[] = {"--until", "--for", "--reason", "--all"};

}  // namespace

std::string unfit(std::string_view what, const std::string& word, std::span<const std::string_view> known) {
  if (std::find(known.begin(), known.end(), word) != known.end()) return {};
  const std::string nearest = config::did_you_mean(word, {known.begin(), known.end()});
  return fmt::format("unknown {} \"{}\"{}", what, word,
                     nearest.empty() ? fmt::format("; it is one of: {}", fmt::join(known, ", ")) : nearest);
}

std::string misfit_duty(const Options& options, const Given& given) {
  if (options.duty.ends_with(".yaml")) return fmt::format("write \"--config {}\"", options.duty);
  if (std::string problem = unfit("duty", options.duty, kDuties); !problem.empty()) return problem;
  return given("SERVER") ? std::string() : fmt::format("{} needs a pool and a server", options.duty);
}

std::string misfit_order(std::string_view verb, const Options& options, const Given& given) {
  const bool ban = verb == "ban";
  const std::span<const std::string_view> known =
      ban ? std::span<const std::string_view>(kBanActions) : kTenantActions;
  if (options.action.ends_with(".yaml")) return fmt::format("write \"--config {}\"", options.action);
  if (given("ACTION")) {
    if (std::string problem = unfit("action", options.action, known); !problem.empty()) return problem;
  }
  const bool listing = !given("ACTION") || options.action == "list";
  const bool lasting = options.action == "add" || options.action == "hold";
  if (!listing && !given(ban ? "ADDRESS" : "TENANT"))
    return fmt::format("{} needs {}", options.action, ban ? "an address or a block" : "a tenant");
  if (given("--until") && given("--for")) return "--until and --for say the same; one is enough";
  const auto useless = [&](const char* option) {
    if (option == std::string_view("--force")) return options.action != "add";
    if (option == std::string_view("--all") || option == std::string_view("--tenant"))
      return ban ? listing : !listing;
    return !lasting;
  };
  const auto options_of = ban ? std::span<const char* const>(kBanOptions) : kTenantOptions;
  for (const char* const option : options_of) {
    if (given(option) && useless(option))
      return fmt::format("{} is of no use to {}", option, listing ? "list" : options.action);
  }
  if (options.action == "hold" && options.until.empty()) return "hold needs --until WHEN or --for TIME";
  std::string problem = control::unfit_reason(options.reason);
  if (!problem.empty()) return "--reason: " + problem;
  if (!options.until.empty()) control::parse_end(options.until, control::unix_now(), problem);
  return problem;
}

}  // namespace sluice::cli
