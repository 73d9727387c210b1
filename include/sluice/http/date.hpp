// When an answer was made (RFC 9110 §6.6.1): a server that has a clock says so, and a proxy says it where the
// server did not.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/http/fields.hpp"

namespace sluice::http {

// Adds Date, unless there is one. Of a final response. `now` is the loop's: the text is made once per second
// and thread, and the system's clock is not looked at in between.
void add_date(Fields& fields, Arena& arena, Nanos now);

}  // namespace sluice::http
