#include "sluice/base/error.hpp"

namespace sluice {
namespace {

ErrorKind kind_of(Rule rule) {
  switch (rule) {
    case Rule::clear_text: return ErrorKind::tls_failed;
    case Rule::method_denied: return ErrorKind::method_refused;
    case Rule::other_version: return ErrorKind::version_unsupported;
    case Rule::target_size: return ErrorKind::target_too_long;
    case Rule::field_count:
    case Rule::head_size: return ErrorKind::head_too_large;
    case Rule::misdirected: return ErrorKind::misdirected;
    case Rule::body_size: return ErrorKind::body_too_large;
    case Rule::body_cut: return ErrorKind::closed;
    case Rule::bad_expectation: return ErrorKind::expectation_failed;
    case Rule::loop: return ErrorKind::loop_detected;
    default: return ErrorKind::malformed;
  }
}

}  // namespace

Error broken(Rule rule, Side side) { return {kind_of(rule), side, rule}; }

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none: return "none";
    case ErrorKind::closed: return "closed";
    case ErrorKind::reset: return "reset";
    case ErrorKind::abandoned: return "abandoned";
    case ErrorKind::refused: return "refused";
    case ErrorKind::timed_out: return "timed_out";
    case ErrorKind::deadline_exceeded: return "deadline_exceeded";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::connect_refused: return "connect_refused";
    case ErrorKind::connect_timeout: return "connect_timeout";
    case ErrorKind::connect_failed: return "connect_failed";
    case ErrorKind::name_unresolved: return "name_unresolved";
    case ErrorKind::tls_failed: return "tls_failed";
    case ErrorKind::malformed: return "malformed";
    case ErrorKind::head_too_large: return "head_too_large";
    case ErrorKind::target_too_long: return "target_too_long";
    case ErrorKind::body_too_large: return "body_too_large";
    case ErrorKind::version_unsupported: return "version_unsupported";
    case ErrorKind::method_refused: return "method_refused";
    case ErrorKind::misdirected: return "misdirected";
    case ErrorKind::expectation_failed: return "expectation_failed";
    case ErrorKind::loop_detected: return "loop_detected";
    case ErrorKind::unavailable: return "unavailable";
    case ErrorKind::no_room: return "no_room";
    case ErrorKind::failed: return "failed";
  }
  return "unknown";
}

}  // namespace sluice
