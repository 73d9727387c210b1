// Findings for programs: the one form in which every verb and every answer of the admin API gives them.
#pragma once

#include "sluice/config/diagnostics.hpp"

#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace sluice::config {

// [{"file","line","column","path","message","hint"}]
boost::json::array to_json(const std::vector<Finding>& findings);

// What to_json() wrote, perhaps in another version: what is missing stays empty.
std::vector<Finding> findings_in(const boost::json::value& list, Severity severity);

}  // namespace sluice::config
