// Files that cannot be read, and files that are included.
#include "sluice/config/load.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace sluice::config;
namespace fs = std::filesystem;

namespace {

const std::string kStart =
    "version: 1\nlisteners: { http: \":8080\" }\npools: { app: { servers: [\"127.0.0.1:3001\"] } }\n";

class Directory {
 public:
  explicit Directory(const std::string& name = "plain") {
    std::string pattern = (fs::temp_directory_path() / "sluice-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
    inner_ = fs::path(root_) / name;
    fs::create_directories(inner_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = inner_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::string path(const std::string& name) const { return (inner_ / name).string(); }

 private:
  std::string root_;
  fs::path inner_;
};

std::string errors_of(const std::string& path) {
  Diagnostics out;
  const Document document = load(path, out);
  return out.render(document.files);
}

}  // namespace

TEST_CASE("files that cannot be read say why", "[config]") {
  const Directory dir;
  const std::string missing = dir.path("missing.yaml");
  CHECK(errors_of(missing) == missing + ": cannot be read: No such file or directory\n");
  CHECK(errors_of(dir.path("")) == dir.path("") + ": cannot be read: Is a directory\n");
  CHECK(errors_of(dir.write("empty.yaml", "")) == dir.path("empty.yaml") + ":1:1: the file is empty\n");
  const std::string large = dir.write("large.yaml", "");
  fs::resize_file(large, 64 * 1024 * 1024 + 1);
  CHECK(errors_of(large) == large + ": is larger than 64 MiB\n");
  CHECK(errors_of("/dev/zero") == "/dev/zero: is larger than 64 MiB\n");
}

TEST_CASE("included tenants follow those of items, in the order of file names", "[config]") {
  const Directory dir("odd [name]*");
  dir.write("tenants.d/b.yaml", "b1:\nb2: { hosts: [b.test] }\n");
  dir.write("tenants.d/a.yaml", "a1: { pool: app }\n");
  dir.write("tenants.d/B.yaml", "upper: {}\n");
  dir.write("tenants.d/.hidden.yaml", "hidden: {}\n");
  dir.write("tenants.d/notes.txt", "notes\n");
  const std::string main =
      dir.write("main.yaml", kStart + "tenants:\n  include: \"tenants.d/*.yaml\"\n  items: { zero: {} }\n");
  Diagnostics out;
  const Document document = load(main, out);
  REQUIRE(out.render(document.files).empty());
  std::string names;
  for (const Tenant& tenant : document.tenants->items)
    names += tenant.name + ' ';
  CHECK(names == "zero upper a1 b1 b2 ");
  REQUIRE(document.files.size() == 4);
  CHECK(document.files[2] == dir.path("tenants.d/a.yaml"));
  CHECK(document.tenants->items[4].at.file == 3);
  CHECK(document.tenants->items[4].hosts[0].at.line == 2);
  CHECK(document.tenants->include->value == "tenants.d/*.yaml");
}

TEST_CASE("absolute patterns work, and no match is a warning", "[config]") {
  const Directory dir;
  const std::string absolute = dir.write("one.yaml", "one: {}\n");
  Diagnostics out;
  CHECK(load_text(kStart + "tenants: { include: " + absolute + " }\n", "t", "/", out).tenants->items.size() ==
        1);
  CHECK(load_text(kStart + "tenants: { include: \"" + dir.path("none.d/*.yaml") + "\" }\n", "t", "/", out)
            .tenants->items.empty());
  CHECK(out.render({"t"}) ==
        "t:4:21: warning: tenants.include: no file matches " + dir.path("none.d/*.yaml") + "\n");
}

TEST_CASE("a pipe among the included files does not hold up the reading", "[config]") {
  const Directory dir;
  REQUIRE(::mkfifo(dir.path("pipe.yaml").c_str(), 0600) == 0);
  const std::string main = dir.write("main.conf", kStart + "tenants: { include: \"*.yaml\" }\n");
  CHECK(errors_of(main) ==
        main + ":4:21: tenants.include: " + dir.path("pipe.yaml") + " is not a regular file\n");
}

TEST_CASE("a directory that cannot be searched is no empty directory", "[config]") {
  if (::geteuid() == 0) return;  // root may search everything
  const Directory dir;
  dir.write("closed/a.yaml", "a: {}\n");
  const std::string main = dir.write("main.yaml", kStart + "tenants: { include: \"closed/*.yaml\" }\n");
  fs::permissions(dir.path("closed"), fs::perms::none);
  CHECK(errors_of(main).find("cannot be read: Permission denied (as user ") != std::string::npos);
  fs::permissions(dir.path("closed"), fs::perms::owner_all);
}
