// Replies of a store in any bytes and pieces: what is made of them stays within what was asked, the same
// however they are cut, and no ask is answered twice.
#include "sluice/limits/shared.hpp"

#include "invariants.hpp"
#include "store/conversation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using namespace sluice;

namespace {

constexpr Nanos kNow = 1'000'000'000'000;
constexpr int kClients = 4;
const limits::Terms kTerms = limits::Terms::of(100, 1'000'000'000, 100);

// Whether it went well to the end, and how many answers counted.
struct Told {
  bool good = true;
  std::uint64_t leases = 0;
  bool operator==(const Told&) const = default;
};

Told talk(std::string_view bytes, std::size_t piece) {
  limits::Shared shared;
  store::Settings settings;
  store::Conversation conversation(shared, settings, "node");
  conversation.greet(kNow);
  Told out;
  shared.join(1);
  for (int client = 0; client < kClients; ++client) {
    limits::KeyMaker maker("login");
    maker.add(std::to_string(client));
    limits::Key key = maker.key();
    key.limit = limits::tag_of("login");
    const auto take = [&] { return shared.take(key, maker.text(), kTerms, 1, kNow); };
    fuzz::must(take().passed);
  }
  out.good = conversation.heard(":1\r\n", kNow);
  conversation.go_on(kNow);
  for (std::size_t at = 0; out.good && at < bytes.size(); at += piece)
    out.good = conversation.heard(bytes.substr(at, piece), kNow);
  out.leases = conversation.take_leases();
  fuzz::must(out.leases <= kClients);
  fuzz::must(out.good == conversation.why().empty());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const Told whole = talk(bytes, std::max<std::size_t>(size, 1));
  const Told single = talk(bytes, 1);
  if (whole.good && single.good) fuzz::must(whole == single);
  return 0;
}
