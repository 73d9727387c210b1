// What the operator wrote, as other rooms want it.
#pragma once

#include "sluice/config/document.hpp"
#include "sluice/observe/access_log.hpp"
#include "sluice/observe/log.hpp"
#include "sluice/store/client.hpp"

#include "control/names.hpp"

#include <optional>

namespace sluice::control {

NameSettings name_settings(const config::Resolver& from);
std::optional<store::Settings> store_settings(const std::optional<config::LimitStore>& from);
observe::LogLevel level_of(config::LogLevel from);
observe::LogFormat format_of(config::LogFormat from);
observe::ProcessLogFormat process_format_of(config::ProcessLogFormat from);

}  // namespace sluice::control
