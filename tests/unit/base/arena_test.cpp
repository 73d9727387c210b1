#include "sluice/base/arena.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

using sluice::Arena;

namespace {

struct Piece {
  char* at;
  std::size_t size;
  char mark;
};

bool intact(const Piece& piece) {
  return std::string_view(piece.at, piece.size).find_first_not_of(piece.mark) == std::string_view::npos;
}

bool inside(const Arena& arena, const void* pointer) {
  const auto* at = static_cast<const char*>(pointer);
  const auto* from = reinterpret_cast<const char*>(&arena);
  return at >= from && at < from + sizeof arena;
}

}  // namespace

TEST_CASE("pieces of an arena do not overlap, whatever their sizes", "[base][arena]") {
  Arena arena;
  std::vector<Piece> pieces;
  // Small ones, ones that end the chunk they are in, and ones with a chunk of their own.
  const std::size_t sizes[] = {1, 7, 64, 500, 1500, 4096, 4097, 8191, 8192, 8193, 40'000, 3};
  for (int round = 0; round < 8; ++round) {
    for (const std::size_t size : sizes) {
      const char mark = static_cast<char>('a' + pieces.size() % 26);
      char* at = arena.array<char>(size);
      std::fill_n(at, size, mark);
      pieces.push_back({at, size, mark});
    }
  }
  for (const Piece& piece : pieces)
    CHECK(intact(piece));
}

TEST_CASE("what is allocated in an arena is aligned", "[base][arena]") {
  Arena arena;
  for (int i = 0; i < 3000; ++i) {
    arena.array<char>(static_cast<std::size_t>(i % 7));
    REQUIRE(reinterpret_cast<std::uintptr_t>(arena.array<double>(1)) % alignof(double) == 0);
    REQUIRE(reinterpret_cast<std::uintptr_t>(arena.allocate(1)) % alignof(std::max_align_t) == 0);
  }
}

TEST_CASE("an ordinary request allocates nothing beside its arena", "[base][arena]") {
  Arena arena;
  for (int i = 0; i < 30; ++i)
    CHECK(inside(arena, arena.array<char>(100)));
  CHECK_FALSE(inside(arena, arena.array<char>(100)));
  arena.reset();
  CHECK(inside(arena, arena.array<char>(100)));
}

TEST_CASE("a large piece does not cost the rest of the chunk it did not fit into", "[base][arena]") {
  Arena arena;
  arena.array<char>(10);
  arena.array<char>(100'000);
  CHECK(inside(arena, arena.array<char>(10)));
}

TEST_CASE("texts are copied and joined", "[base][arena]") {
  Arena arena;
  std::string source = "original";
  const std::string_view copy = arena.copy(source);
  source = "changed!";
  CHECK(copy == "original");
  CHECK(arena.copy("").empty());
  CHECK(arena.join({"a", "", "bc", "def"}) == "abcdef");
  CHECK(arena.join({}).empty());
  CHECK(arena.join({std::string_view{}, std::string_view{}}).empty());
  const std::string large(5000, 'x');
  CHECK(arena.join({large, "/", large}) == large + "/" + large);
}
