#include "sluice/http/streaming.hpp"

#include "sluice/base/text.hpp"

#include <algorithm>
#include <array>

namespace sluice::http {
namespace {

constexpr std::array kTypes = std::to_array<std::string_view>(
    {"text/event-stream", "multipart/x-mixed-replace", "application/x-ndjson", "application/jsonl",
     "application/json-seq", "application/stream+json", "application/grpc", "application/grpc-web",
     "application/grpc-web-text", "application/connect"});

// `type`, or `type+suffix`.
bool is_of(std::string_view text, std::string_view type) {
  if (text.size() < type.size() || !iequals(text.substr(0, type.size()), type)) return false;
  return text.size() == type.size() || text[type.size()] == '+';
}

}  // namespace

bool is_stream(const ResponseHead& head) {
  if (head.framing == Framing::length || head.framing == Framing::none) return false;
  const std::string_view value = head.fields.value(FieldId::content_type);
  const std::string_view text = trim_ows(value.substr(0, value.find(';')));
  if (std::any_of(kTypes.begin(), kTypes.end(), [text](std::string_view type) { return is_of(text, type); }))
    return true;
  const Field* const buffering = head.fields.find("X-Accel-Buffering");
  return buffering != nullptr && iequals(buffering->value, "no");
}

}  // namespace sluice::http
