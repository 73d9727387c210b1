// Every tests/golden/config/NAME.yaml is loaded and compared with NAME.expected: the errors, or "ok".
#include "sluice/config/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice::config;
namespace fs = std::filesystem;

namespace {

const std::string kDirectory = SLUICE_SOURCE_DIR "/tests/golden/config/";

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Messages name files from the directory of the golden files, wherever the repository lies.
std::string without_directory(std::string text) {
  for (std::size_t at = text.find(kDirectory); at != std::string::npos; at = text.find(kDirectory, at)) {
    text.erase(at, kDirectory.size());
  }
  return text;
}

std::vector<fs::path> golden_files() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(kDirectory)) {
    if (entry.path().extension() == ".yaml") out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

TEST_CASE("golden configurations", "[config]") {
  ::setenv("SLUICE_GOLDEN_PORT", "3000", 1);
  ::setenv("SLUICE_GOLDEN_HOST", "127.0.0.1", 1);
  ::setenv("SLUICE_GOLDEN_COUNT", "2", 1);
  ::setenv("SLUICE_GOLDEN_EMPTY", "", 1);
  ::unsetenv("SLUICE_GOLDEN_MISSING");
  const auto files = golden_files();
  REQUIRE(files.size() >= 40);
  for (const fs::path& path : files) {
    Diagnostics out;
    const Document document = load(kDirectory + path.filename().string(), out);
    const std::string got = out.empty() ? "ok\n" : without_directory(out.render(document.files));
    fs::path expected = path;
    expected.replace_extension(".expected");
    INFO(path.filename().string());
    CHECK(got == read(expected));
  }
}
