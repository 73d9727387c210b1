// tests/golden/mistakes/*.txt: files as operators get them wrong, and word by word what they are told.
//
//   === what the mistake is
//   the file
//   ==>
//   the lines, or "ok"
#include "sluice/plan/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kCase = "=== ";
constexpr std::string_view kExpected = "\n==>\n";

struct Mistake {
  std::string name;
  std::string text;
  std::string expected;
};

std::vector<Mistake> mistakes_of(const fs::path& path) {
  std::stringstream whole;
  whole << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string text = whole.str();
  std::vector<Mistake> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find("\n=== ", at), text.size() - 1) + 1;
    const std::string one = text.substr(at, end - at);
    const std::size_t line = one.find('\n');
    const std::size_t middle = one.find(kExpected);
    REQUIRE(one.starts_with(kCase));
    REQUIRE(middle != std::string::npos);
    out.push_back({one.substr(kCase.size(), line - kCase.size()), one.substr(line + 1, middle - line),
                   one.substr(middle + kExpected.size())});
    at = end;
  }
  return out;
}

std::string told(const std::string& text) {
  config::Diagnostics out;
  auto document =
      std::make_shared<const config::Document>(config::load_text(text, "x.yaml", "/nonexistent", out));
  const auto plan = plan::Plan::build(document, nullptr, std::make_shared<tls::TicketKeys>(), out);
  CHECK((plan == nullptr) == out.failed());
  const std::string lines = out.render(document->files);
  return lines.empty() ? "ok\n" : lines;
}

}  // namespace

TEST_CASE("mistakes and what is said about them", "[plan][config]") {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(SLUICE_SOURCE_DIR "/tests/golden/mistakes")) {
    for (const Mistake& mistake : mistakes_of(entry.path())) {
      INFO(entry.path().filename().string() << ": " << mistake.name << "\n" << mistake.text);
      CHECK(told(mistake.text) == mistake.expected);
      ++count;
    }
  }
  CHECK(count >= 100);
}
