// Hosts and targets: what is accepted is normal, and hides no way up or out.
#include "sluice/http/target.hpp"

#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

namespace {

// No segment is "." or "..", whatever separates them, whether or not its parameters are cut off.
void must_stay_inside(std::string_view path) {
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of("/\\"), path.size());
    const std::string_view segment = path.substr(0, end);
    for (const std::string_view name : {segment, segment.substr(0, segment.find(';'))})
      must(name != "." && name != "..");
    path.remove_prefix(std::min(end + 1, path.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Arena arena;
  const Exact text(text_of(data, size));
  http::Authority authority;
  if (http::parse_authority(text.view(), arena, authority) == Rule::none) {
    must_be_normal(authority.host);
    must_be_printable(text.view());
  }
  bool dotted = false;
  if (http::check_origin_form(text.view(), dotted) != Rule::none) return 0;
  must_be_printable(text.view());
  const Exact path(text.view().substr(0, text.view().find('?')));
  must(!path.view().empty() && path.view().front() == '/');
  if (dotted) {
    http::all_resolutions(path.view(), arena, [&](std::string_view reading) {
      must(reading.starts_with('/') && reading.size() <= path.view().size());
      return true;
    });
    return 0;
  }
  must_stay_inside(path.view());
  const std::string_view decoded = http::decoded_path(path.view(), arena);
  must(decoded.size() <= path.view().size() && decoded.front() == '/');
  must(decoded.find("//") == std::string_view::npos && decoded.find('\0') == std::string_view::npos);
  must_stay_inside(decoded);
  return 0;
}
