#include "sluice/http2/window_budget.hpp"

namespace sluice::http2 {

WindowBudget& window_budget() {
  static WindowBudget budget(kWindowBudget);
  return budget;
}

}  // namespace sluice::http2
