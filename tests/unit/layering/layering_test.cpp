// The rooms and who may include whom: docs/architecture.md as a test. An include that breaks the table shows
// up here with its file; whoever changes the table changes CMakeLists.txt and docs/architecture.md with it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace fs = std::filesystem;

namespace {

using Names = std::set<std::string>;

const fs::path kRoot = SLUICE_SOURCE_DIR;

// From the foundation up: a room may include itself and what stands beside it.
const std::map<std::string, Names> kMayInclude = {
    {"base", {}},
    {"http", {"base"}},
    {"limits", {"base"}},
    {"net", {"base"}},
    {"config", {"base"}},
    {"tls", {"base"}},
    {"observe", {"http", "base"}},
    {"http1", {"net", "http", "base"}},
    {"http2", {"net", "http", "base"}},
    {"store", {"limits", "tls", "net", "observe", "base"}},
    {"upstream", {"http1", "http2", "tls", "net", "observe", "http", "base"}},
    {"handler", {"upstream", "http", "net", "base"}},
    {"policy", {"limits", "http", "net", "config", "base"}},
    {"plan", {"policy", "upstream", "tls", "http", "config", "base"}},
    {"proxy", {"plan", "policy", "limits", "handler", "upstream", "observe", "http", "net", "base"}},
    // It makes connections out of everything below.
    {"server",
     {"proxy", "plan", "limits", "http1", "http2", "tls", "observe", "http", "config", "net", "base"}},
    {"control",
     {"server", "proxy", "plan", "store", "limits", "upstream", "tls", "observe", "config", "net", "base"}},
    {"cli", {"control", "plan", "tls", "config", "base"}},
};

// One room with four subjects, each with a licence of its own: "" is what a server and a pool are, and
// nothing there knows how they are asked. What is in none of the folders may be used by all of them.
const std::map<std::string, Names> kUpstreamMayInclude = {
    {"", {"net", "observe", "tls", "base"}},
    {"balance", {"", "http", "net", "observe", "base"}},
    {"connections", {"", "http1", "http2", "tls", "net", "http", "base"}},
    {"health", {"", "connections", "net", "observe", "http", "base"}},
};

// Libraries that stay behind a room's door.
const std::vector<std::pair<std::string, Names>> kFenced = {
    {"yaml-cpp/", {"config"}}, {"prometheus/", {"observe"}}, {"boost/beast", {"control", "cli"}},
    {"ares.h", {"net"}},       {"hiredis/", {"store"}},      {"nghttp2/", {}},  // only tests compare with it
};

struct Include {
  std::string file;  // relative to the repository
  std::string room;  // whose file it is; "main.cpp" for the program itself
  bool promise;      // in include/
  std::string what;  // between the quotes or angle brackets
};

std::string read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<Include> all_includes() {
  std::vector<Include> out;
  static const std::regex pattern("(?:^|\n)[ \t]*#[ \t]*include[ \t]*[\"<]([^\">]+)[\">]");
  for (const fs::path& base : {kRoot / "include" / "sluice", kRoot / "src"}) {
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".hpp" && extension != ".cpp" && extension != ".h"))
        continue;
      const std::string text = read(entry.path());
      const std::string room = fs::relative(entry.path(), base).begin()->string();
      for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) {
        out.push_back(
            {fs::relative(entry.path(), kRoot).string(), room, base.filename() == "sluice", (*at)[1]});
      }
    }
  }
  return out;
}

// What a file mentions: rooms by their promises, and by their namespaces, also where the header that names
// them came in through somebody else's. Comments and texts do not count, nor other libraries' namespaces that
// go by an alias here (Beast's http).
Names mentioned(const fs::path& path) {
  static const std::regex comment("//[^\n]*");
  static const std::regex text("\"(?!sluice/)(?:\\\\.|[^\"\\\\\n])*\"");
  static const std::regex promise("#[ \t]*include[ \t]*\"sluice/(\\w+)/");
  static const std::regex name("(?:^|[^\\w:])(?:sluice::)?(\\w+)::");
  const std::string code = std::regex_replace(std::regex_replace(read(path), comment, ""), text, "\"\"");
  Names out;
  for (const std::regex* pattern : {&promise, &name}) {
    for (std::sregex_iterator at(code.begin(), code.end(), *pattern), end; at != end; ++at) {
      const std::string room = (*at)[1];
      if (code.find("namespace " + room + " =") == std::string::npos) out.insert(room);
    }
  }
  return out;
}

// By room: all that its files mention of other rooms, with a file that does.
std::map<std::string, std::map<std::string, std::string>> all_mentioned() {
  std::map<std::string, std::map<std::string, std::string>> out;
  for (const fs::path& base : {kRoot / "include" / "sluice", kRoot / "src"}) {
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      if (!entry.is_regular_file()) continue;
      const std::string room = fs::relative(entry.path(), base).begin()->string();
      if (!kMayInclude.contains(room)) continue;
      for (const std::string& other : mentioned(entry.path())) {
        if (other != room && kMayInclude.contains(other)) out[room].emplace(other, entry.path().string());
      }
    }
  }
  return out;
}

std::string first_part(const std::string& path) { return path.substr(0, path.find('/')); }

// What CMakeLists.txt grants: sluice_room(NAME [DEPS room...] [LIBS target...]).
std::map<std::string, Names> granted() {
  std::map<std::string, Names> out;
  const std::string text = read(kRoot / "CMakeLists.txt");
  static const std::regex call(R"((?:^|\n)[ \t]*sluice_room\(([^)]*)\))");
  static const std::regex word(R"(\S+)");
  for (std::sregex_iterator at(text.begin(), text.end(), call), end; at != end; ++at) {
    const std::string arguments = (*at)[1];
    std::string room;
    bool deps = false;
    for (std::sregex_iterator w(arguments.begin(), arguments.end(), word); w != end; ++w) {
      const std::string each = w->str();
      if (room.empty()) {
        room = each;
        out[room];
      } else if (each == "DEPS" || each == "LIBS") {
        deps = each == "DEPS";
      } else if (deps) {
        out[room].insert(each);
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every include is licensed by the table of rooms", "[layering]") {
  const std::vector<Include> includes = all_includes();
  CHECK(includes.size() > 300);  // or the search itself is broken
  for (const Include& include : includes) {
    if (!include.what.starts_with("sluice/")) continue;
    const std::string target = first_part(include.what.substr(7));
    INFO(include.file << " includes " << include.what);
    CHECK(kMayInclude.contains(target));
    if (include.room == target) continue;
    if (include.room == "main.cpp") {
      CHECK(target == "cli");
      continue;
    }
    // Rooms that are not in the table (the origin is a program of its own) may include none.
    const auto licence = kMayInclude.find(include.room);
    const bool allowed = licence != kMayInclude.end() && licence->second.contains(target);
    CHECK(allowed);
  }
}

TEST_CASE("what a room names it has a licence for, and it uses every licence it has", "[layering]") {
  const auto used = all_mentioned();
  for (const auto& [room, licence] : kMayInclude) {
    const auto found = used.find(room);
    const std::map<std::string, std::string> of_room =
        found != used.end() ? found->second : std::map<std::string, std::string>{};
    for (const auto& [other, file] : of_room) {
      INFO(file << " of room " << room << " names " << other);
      CHECK(licence.contains(other));
    }
    for (const std::string& other : licence) {
      INFO("nothing in room " << room << " needs its licence for " << other);
      CHECK((of_room.contains(other) || other == "base"));
    }
  }
}

TEST_CASE("the folders of upstream keep to their licences", "[layering]") {
  // "sluice/upstream/health/checker.hpp" is of "health", "sluice/upstream/rules.hpp" of "".
  const auto folder_of = [](std::string path) {
    path = path.substr(path.find("upstream/") + std::string("upstream/").size());
    const std::size_t slash = path.find('/');
    return slash == std::string::npos ? std::string() : path.substr(0, slash);
  };
  std::size_t seen = 0;
  for (const Include& include : all_includes()) {
    if (include.room != "upstream" || include.what.find('/') == std::string::npos) continue;
    const std::string room =
        first_part(include.what.starts_with("sluice/") ? include.what.substr(7) : include.what);
    if (!kMayInclude.contains(room)) continue;
    const std::string from = folder_of(include.file);
    const std::string what = room == "upstream" ? folder_of(include.what) : room;
    if (room == "upstream" && what == from) continue;
    INFO(include.file << " includes " << include.what);
    REQUIRE(kUpstreamMayInclude.contains(from));
    CHECK(kUpstreamMayInclude.at(from).contains(what));
    ++seen;
  }
  CHECK(seen > 30);  // or nothing was looked at
}

TEST_CASE("a room's private headers are its own", "[layering]") {
  for (const Include& include : all_includes()) {
    const std::string target = first_part(include.what);
    if (target == include.what || !fs::is_directory(kRoot / "src" / target)) continue;
    INFO(include.file << " includes " << include.what);
    CHECK(target == include.room);
    CHECK_FALSE(include.promise);  // what is promised to others cannot depend on what they may not see
  }
}

TEST_CASE("the table and CMakeLists.txt say the same", "[layering]") {
  const auto in_cmake = granted();
  for (const auto& [room, licence] : kMayInclude) {
    CAPTURE(room);
    const auto found = in_cmake.find(room);
    REQUIRE(found != in_cmake.end());
    CHECK(found->second == licence);
  }
  for (const auto& [room, licence] : in_cmake) {
    CAPTURE(room);
    CHECK(kMayInclude.contains(room));
  }
}

TEST_CASE("every directory is a room of the table, and no room includes itself in a circle", "[layering]") {
  for (const auto& entry : fs::directory_iterator(kRoot / "include" / "sluice")) {
    CAPTURE(entry.path().string());
    CHECK(kMayInclude.contains(entry.path().filename().string()));
  }
  for (const auto& entry : fs::directory_iterator(kRoot / "src")) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const bool known = kMayInclude.contains(name) || name == "origin" || name == "main.cpp";
    CHECK(known);
  }
  // Rooms are built from the bottom: in each round those all of whose licences are built.
  Names built;
  for (std::size_t round = 0; round < kMayInclude.size(); ++round) {
    for (const auto& [room, licence] : kMayInclude) {
      if (std::includes(built.begin(), built.end(), licence.begin(), licence.end())) built.insert(room);
    }
  }
  CHECK(built.size() == kMayInclude.size());
}

TEST_CASE("libraries stay in the rooms that fence them in", "[layering]") {
  for (const Include& include : all_includes()) {
    for (const auto& [library, rooms] : kFenced) {
      if (!include.what.starts_with(library)) continue;
      INFO(include.file << " includes " << include.what);
      CHECK(rooms.contains(include.room));
    }
  }
}
