// CDN-Loop: what is taken for an entry stands in the value, in order; what we add is found again behind
// anything that is not refused. Each line is one field.
#include "sluice/base/hex.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/cdn_loop.hpp"

#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

namespace {

void check_entries(std::string_view value) {
  http::CdnLoopParser parser(value);
  http::CdnInfo info;
  const char* before = value.data();
  while (parser.next(info) == http::CdnLoopParser::Step::info) {
    must(!info.id.empty() && info.id.data() >= before);
    must(info.id.find_first_of(" \t,;\"") == std::string_view::npos);
    before = info.id.data() + info.id.size();
    must(before <= value.data() + value.size());
    must(info.node.empty() || info.node.data() > before);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  http::Exchange exchange;
  exchange.request.host = "a.example";
  const Exact text(text_of(data, size));
  const auto add = [&](std::string_view value) {
    exchange.request.fields.add(exchange.arena, "CDN-Loop", value, http::FieldId::cdn_loop);
  };
  std::string all;
  for (std::string_view left = text.view(); !left.empty();) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    check_entries(line);
    add(line);
    all.append(line).append(", ");
  }
  const Error error = http::check_loop(exchange, "sluice");
  if (error.kind != ErrorKind::none) return 0;
  // Whoever stands behind us may have made one field of all of them.
  all.append("sluice;n=").append(Hex(http::loop_node(exchange)).view());
  exchange.request.fields.clear();
  add(all);
  const ErrorKind again = http::check_loop(exchange, "sluice").kind;
  must(again == ErrorKind::loop_detected || all.size() > 4 * kMostElements);
  return 0;
}
