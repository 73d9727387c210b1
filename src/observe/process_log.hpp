// The sink on standard error: of the process's own log, and of the access log where that goes there too.
#pragma once

#include "observe/line_sink.hpp"

#include <memory>

namespace sluice::observe {

const std::shared_ptr<LineSink>& process_log();

}  // namespace sluice::observe
