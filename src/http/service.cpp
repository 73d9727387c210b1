#include "sluice/http/service.hpp"

#include "sluice/base/text.hpp"

namespace sluice::http {

Holder Connection::holder(std::string_view host, std::string_view sni) {
  // Bytes first: nearly always they are the same.
  if (host == sni || host == shown_for_ || iequals(host, sni)) return Holder::shown;
  const Holder found = look_up(host);
  if (found == Holder::shown) shown_for_ = host;
  return found;
}

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
