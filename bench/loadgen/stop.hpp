// INT and TERM end a run early, with a report of what was measured until then; the second of them at once.
#pragma once

namespace sluice::bench {

void catch_stop_signals();
int stop_requests();

}  // namespace sluice::bench
