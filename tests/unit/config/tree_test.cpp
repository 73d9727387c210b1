#include "config/tree.hpp"

#include <string>

#include <catch2/catch.hpp>

using namespace sluice::config;

namespace {

std::string errors_of(std::string_view text) {
  Diagnostics out;
  Tree::parse(text, 0, out);
  return out.render({"t"});
}

std::string place(const Node& node) {
  return std::to_string(node.at.line) + ':' + std::to_string(node.at.column);
}

}  // namespace

TEST_CASE("keys and values know where they were written", "[config]") {
  Diagnostics out;
  const Tree tree = Tree::parse("a: 1\nb:\n  - x\n  - 'y'\nc:\n  d: \"ü\"\n", 0, out);
  REQUIRE(out.empty());
  const Node& root = *tree.root();
  REQUIRE(root.kind == Kind::map);
  REQUIRE(root.children.size() == 3);
  CHECK(place(*root.children[1].key) == "2:1");
  const Node& list = *root.children[1].value;
  CHECK(list.kind == Kind::list);
  CHECK(place(list) == "3:3");
  CHECK(place(*list.children[1].value) == "4:5");
  CHECK_FALSE(list.children[0].value->quoted);
  CHECK(list.children[1].value->quoted);
  const Entry& inner = root.children[2].value->children[0];
  CHECK(inner.key->text == "d");
  CHECK(place(*inner.key) == "6:3");
  CHECK(place(*inner.value) == "6:6");
}

TEST_CASE("nothing is placed where it would have stood", "[config]") {
  Diagnostics out;
  const Tree tree = Tree::parse("a:\n\n\nb: ~\nc:\n  -\n\n  - x\n", 0, out);
  REQUIRE(out.empty());
  const auto& entries = tree.root()->children;
  CHECK(entries[0].value->kind == Kind::null);
  CHECK(place(*entries[0].value) == "1:1");
  CHECK(place(*entries[1].value) == "4:1");
  CHECK(entries[2].value->children[0].value->kind == Kind::null);
  CHECK(place(*entries[2].value->children[0].value) == "6:3");
}

TEST_CASE("text is text in every style", "[config]") {
  Diagnostics out;
  const Tree block = Tree::parse("- |-\n  1\n- >-\n  1\n", 0, out);
  REQUIRE(block.root() != nullptr);
  CHECK(block.root()->children[0].value->quoted);
  CHECK(block.root()->children[1].value->quoted);
  const Tree flow = Tree::parse("[1, '1', \"1\", !!str 1]", 0, out);
  REQUIRE(flow.root() != nullptr);
  CHECK_FALSE(flow.root()->children[0].value->quoted);
  for (std::size_t i = 1; i < 4; ++i)
    CHECK(flow.root()->children[i].value->quoted);
}

TEST_CASE("aliases share their anchor's node", "[config]") {
  Diagnostics out;
  const Tree tree = Tree::parse("a: &x [1, 2]\nb: *x\n", 0, out);
  REQUIRE(out.empty());
  CHECK(tree.root()->children[0].value == tree.root()->children[1].value);
}

TEST_CASE("the first of two equal keys is kept", "[config]") {
  Diagnostics out;
  const Tree tree = Tree::parse("{a: 1, b: 2, a: 3, c: 4}", 0, out);
  CHECK(out.render({"t"}) == "t:1:14: a: duplicate key \"a\", first at 1:2\n");
  const auto& entries = tree.root()->children;
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].value->text == "1");
  CHECK(entries[2].key->text == "c");
}

TEST_CASE("text without meaning is refused with its place", "[config]") {
  CHECK(errors_of("") == "t:1:1: the file is empty\n");
  CHECK(errors_of("# only a comment") == "t:1:1: the file is empty\n");
  CHECK(errors_of(std::string_view("a: \0", 4)) == "t:1:4: a NUL byte; this is no text file\n");
  CHECK(errors_of("a: 1\nb: \xff\n") == "t:2:4: a byte that is no UTF-8; save the file as UTF-8\n");
  CHECK(errors_of("a: \xed\xa0\x80") == "t:1:4: a byte that is no UTF-8; save the file as UTF-8\n");
  CHECK(errors_of("a: \xc0\xaf") == "t:1:4: a byte that is no UTF-8; save the file as UTF-8\n");
  CHECK(errors_of("a: \xf4\x90\x80\x80") == "t:1:4: a byte that is no UTF-8; save the file as UTF-8\n");
  CHECK(errors_of("a: \xe2\x82") == "t:1:4: a byte that is no UTF-8; save the file as UTF-8\n");
  CHECK(errors_of("a: 1\n---\nb: 2\n") == "t:2:1: a second YAML document begins here; one file holds one\n");
  CHECK(errors_of("[],") == "t:1:3: a second YAML document begins here; one file holds one\n");
}

TEST_CASE("nesting ends before the stack does", "[config]") {
  CHECK(errors_of(std::string(31, '[') + std::string(31, ']')).empty());
  CHECK(errors_of(std::string(33, '[') + std::string(33, ']')).find("more than 32 levels deep") !=
        std::string::npos);
  for (const char* opener : {"[", "{", "- ", "? ", "[{", "{? "}) {
    std::string text;
    for (int i = 0; i < 20'000; ++i)
      text += opener;
    CAPTURE(opener);
    CHECK_FALSE(errors_of(text).empty());
  }
}

TEST_CASE("aliases cannot multiply without bound", "[config]") {
  std::string many = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\nb:\n";
  for (int i = 0; i < 9'000; ++i)
    many += "  - *a\n";
  CHECK(errors_of(many).empty());
  for (int i = 0; i < 2'000; ++i)
    many += "  - *a\n";
  CHECK(errors_of(many) == "t:10003:5: b[10000]: aliases stand for more than 100000 values altogether\n");
  CHECK(errors_of("a: &a [*a]") == "t:1:8: a[0]: this alias stands inside its own anchor\n");
}

TEST_CASE("one value cannot take the parser's memory", "[config]") {
  const std::string small = "a: '" + std::string(kMaxLookahead / 2, 'x') + "'\n";
  CHECK(errors_of(small).empty());
  const std::string large = "a: '" + std::string(kMaxLookahead * 2, 'x') + "'\n";
  CHECK(errors_of(large) == "t:1:1: more than 4 MiB in one value\n");
  std::string long_file;  // many small values are fine
  while (long_file.size() < kMaxLookahead * 3 / 2)
    long_file += "- " + std::string(100'000, 'x') + '\n';
  CHECK(errors_of(long_file).empty());
}

TEST_CASE("half a file names the bracket that is open, whether its last line ends or not", "[config]") {
  for (const std::string tail : {"{ b: [", "{ b: [\"x\"", "{ b: [\"x\", ", "{ b: [x", "{ b: [{ c: 1 }"}) {
    const std::string expected = "t:1:9: the list that begins at 1:9 does not end; close it with \"]\"\n";
    CHECK(errors_of("a: " + tail) == expected);
    CHECK(errors_of("a: " + tail + "\n") == expected);
  }
}

TEST_CASE("a quote without end is found behind text of several bytes", "[config]") {
  CHECK(errors_of("a: \"ü\"\nb: \"x\n") == "t:2:4: the text that begins here has no closing \"\n");
  CHECK(errors_of("a: ü\nb: 'x\nc: y\n") == "t:2:4: the text that begins here has no closing '\n");
  CHECK(errors_of("a: 'it''s\nb: x'\n") ==
        "t:1:4: the text that begins here has no closing ' on its line; the next one is at 2:5\n");
}

TEST_CASE("what only looks like a mistake is text", "[config]") {
  CHECK(errors_of("a: \"one\n  two\n\n  b: three\"\n").empty());
  CHECK(errors_of("a: we’re “down”, désolé\u00A0!\n").empty());
  CHECK(errors_of("a:\n  - say \"x\"\n  - and [y]\n").empty());
  CHECK(errors_of("a: say \"x\"\nb: |\n  c {\n  <<<<<<< d\n  // e\n").empty());
  CHECK(errors_of("{\"a\":\"b\",\"c\":[1,2,],\"d\":{\"e\":\"f: g\"}}").empty());
  CHECK(errors_of("\"a\" : 1 # x\n'b': [x] # y\n").empty());
}
