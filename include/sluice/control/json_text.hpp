// JSON as people write it.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace sluice::control {

// In one line. Numbers with a fraction have at most three decimals and no exponent: 1.526.
std::string json_text(const boost::json::value& value);

}  // namespace sluice::control
