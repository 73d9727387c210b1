#include "sluice/http/service.hpp"

namespace sluice::http {

std::string_view to_string(Abuse reason) {
  switch (reason) {
    case Abuse::rapid_reset: return "rapid_reset";
    case Abuse::control_flood: return "control_flood";
    case Abuse::continuation_flood: return "continuation_flood";
    case Abuse::header_bomb: return "header_bomb";
    case Abuse::stalled_window: return "stalled_window";
  }
  return "";
}

}  // namespace sluice::http
