// Whatever stands in the state directory: it is understood or it is not, and what was understood is written
// and read again as the same.
#include "sluice/control/reason.hpp"

#include "control/state_file.hpp"
#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Exact text(text_of(data, size));
  const auto kept = control::parse_kept(text.view());
  if (!kept) return 0;
  for (const auto& hold : kept->holds)
    must(!hold.tenant.empty() && control::unfit_reason(hold.reason).empty());
  const auto again = control::parse_kept(control::kept_text(*kept));
  must(again.has_value() && *again == *kept);
  return 0;
}
