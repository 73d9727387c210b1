// What `sluice ban list` and `sluice tenant list` print.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace sluice::cli {

// A line for each, under a line of headings, or nothing where there is none; `bans` and `tenants` as
// /api/bans and /api/tenants have them.
std::string bans_table(const boost::json::value& bans);
std::string tenants_table(const boost::json::value& tenants);

}  // namespace sluice::cli
