// Any text must end in a Document or in errors.
#include "sluice/config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Patterns would read whatever this machine holds.
  if (text.find("include") != std::string_view::npos) return 0;
  sluice::config::Diagnostics out;
  const auto document = sluice::config::load_text(text, "fuzz.yaml", "/nonexistent", out);
  (void)out.render(document.files);
  return 0;
}
