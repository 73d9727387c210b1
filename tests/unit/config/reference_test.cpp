#include "sluice/config/load.hpp"

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

using namespace sluice::config;

TEST_CASE("docs/configuration.md is what the schema says", "[config]") {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  INFO("write reference_markdown() to docs/configuration.md");
  CHECK(text.str() == reference_markdown());
}
