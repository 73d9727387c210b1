#include "control/state_file.hpp"

#include "sluice/control/reason.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::control;

namespace {

Kept some() {
  Kept out;
  out.holds = {{"acme", 1'795'975'200'001, "a \"reason\" \\ \xc3\xa4"}, {"beta", 1'795'975'200'000, ""}};
  out.bans = {{AddressBlock::parse("203.0.113.0/24").value(), "", 1, 2, "scans"},
              {AddressBlock::parse("2001:db8::1").value(), "acme", 1'000, 2'000, ""}};
  return out;
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sluice-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
  }
  std::filesystem::path path;
};

// What it has to say beside what it has read.
struct Read {
  explicit Read(const StateFile& file) { kept = file.read(warning); }
  std::string warning;
  Kept kept;
};

}  // namespace

TEST_CASE("what is kept is read as it was written", "[control][state]") {
  for (const Kept& kept : {Kept(), some()}) {
    const auto read = parse_kept(kept_text(kept));
    REQUIRE(read);
    CHECK(*read == kept);
  }
}

TEST_CASE("a text that says anything else is not understood at all", "[control][state]") {
  const std::string whole = kept_text(some());
  for (std::size_t size = 0; size + 2 < whole.size(); ++size)
    CHECK_FALSE(parse_kept(whole.substr(0, size)));
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK_FALSE(parse_kept(changed("\"version\":1", "\"version\":2")));
  CHECK_FALSE(parse_kept(changed("\"tenant\":\"acme\"", "\"tenant\":\"\"")));
  CHECK_FALSE(parse_kept(changed("\"tenant\":\"acme\"", "\"tenant\":7")));
  CHECK_FALSE(parse_kept(changed("\"until\":\"2026", "\"until\":\"+15m2026")));
  CHECK_FALSE(parse_kept(changed("203.0.113.0/24", "203.0.113.1/24")));
  CHECK_FALSE(parse_kept(changed("scans", std::string(kLongestReason + 1, 'x'))));
  CHECK_FALSE(parse_kept(changed("scans", "a\\nb")));
}

TEST_CASE("a reason is one line of text", "[control][state]") {
  CHECK(unfit_reason("").empty());
  CHECK(unfit_reason("w\xc3\xa4hrend des Umzugs").empty());
  CHECK(unfit_reason(std::string(kLongestReason, 'x')).empty());
  CHECK(unfit_reason("\xc2\xa0\xe2\x80\x93\xe2\x82\xac").empty());
  CHECK(unfit_reason("  ") == "the reason is blank");
  for (const char* control : {"a\xc2\x85", "\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x81\xa6"})
    CHECK_FALSE(unfit_reason(control).empty());
  for (const std::string& reason : {std::string("a\nb"), std::string("\x7f"), std::string("\xff"),
                                    std::string("\0", 1), std::string(kLongestReason + 1, 'x')})
    CHECK_FALSE(unfit_reason(reason).empty());
}

TEST_CASE("a file is written whole, and leaves nothing else behind", "[control][state]") {
  const Folder folder;
  const StateFile file(folder.path);
  CHECK(Read(file).kept == Kept());
  CHECK(file.write(Kept()).empty());
  CHECK(file.write(some()).empty());
  const Read read(file);
  CHECK(read.kept == some());
  CHECK(read.warning.empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("what was left of a write that did not end does no harm", "[control][state]") {
  const Folder folder;
  const StateFile file(folder.path);
  REQUIRE(file.write(some()).empty());
  std::ofstream(folder.path / "orders.json.new") << "{\"version\":1,";
  CHECK(Read(file).kept == some());
  CHECK(file.write(Kept()).empty());
  CHECK(folder.files() == 1);
}

TEST_CASE("what cannot be understood is moved aside, and not lost", "[control][state]") {
  const Folder folder;
  const StateFile file(folder.path);
  std::ofstream(folder.path / "orders.json") << "not this";
  const Read read(file);
  CHECK(read.kept == Kept());
  CHECK(read.warning.find("cannot be understood: moved to ") != std::string::npos);
  REQUIRE(folder.files() == 1);
  std::ostringstream text;
  text << std::ifstream(std::filesystem::directory_iterator(folder.path)->path()).rdbuf();
  CHECK(text.str() == "not this");
}

TEST_CASE("in a directory that is not there nothing can be written", "[control][state]") {
  const Folder folder;
  const StateFile file(folder.path / "missing");
  CHECK(file.unwritable().find("missing cannot be written: No such file or directory") != std::string::npos);
  CHECK(file.write(some()).find("orders.json: No such file or directory") != std::string::npos);
  const StateFile none("");
  CHECK(none.none());
  CHECK(none.write(some()).empty());
}

TEST_CASE("a directory is one process's at a time", "[control][state]") {
  const Folder folder;
  StateFile one(folder.path);
  CHECK(one.claim().empty());
  StateFile moved = std::move(one);
  CHECK(StateFile(folder.path).claim().find("is in use by another process") != std::string::npos);
  moved = StateFile("");
  CHECK(StateFile(folder.path).claim().empty());
}

TEST_CASE("orders that somebody else has left are put aside, if there are any", "[control][state]") {
  const Folder folder;
  const StateFile file(folder.path);
  CHECK(file.put_aside().empty());
  REQUIRE(file.write(Kept()).empty());
  CHECK(file.put_aside().empty());
  REQUIRE(file.write(some()).empty());
  CHECK(file.put_aside().find("orders.json.before-") != std::string::npos);
  CHECK((Read(file).kept == Kept() && folder.files() == 1));
}

TEST_CASE("a write that failed leaves nothing behind", "[control][state]") {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "orders.json");
  CHECK_FALSE(StateFile(folder.path).write(some()).empty());
  CHECK(folder.files() == 1);
}
