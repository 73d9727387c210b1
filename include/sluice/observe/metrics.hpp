// What /metrics says: totals of the process in Prometheus' text format 0.0.4. The counters themselves lie
// where they are counted; here they get their names.
#pragma once

#include <string>
#include <string_view>

namespace sluice::observe {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// All metrics as they stand now. Any thread.
std::string metrics_text();

}  // namespace sluice::observe
