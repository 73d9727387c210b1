#include "sluice/upstream/balance/random_two.hpp"

namespace sluice::upstream {
namespace {

// So often luck is tried before all are looked at.
constexpr int kDraws = 8;

}  // namespace

AliasTable::AliasTable(const Members& members) {
  constexpr std::uint64_t kFull = std::uint64_t{1} << 32;
  const std::size_t count = members.size();
  std::uint64_t total = 0;
  for (const Member& member : members)
    total += member.weight;
  // Each column holds total/count; who has less is filled up by one that has more.
  std::vector<std::uint64_t> left;
  std::vector<std::size_t> poor;
  std::vector<std::size_t> rich;
  for (std::size_t i = 0; i < count; ++i) {
    left.push_back(std::uint64_t{members[i].weight} * count);
    (left[i] < total ? poor : rich).push_back(i);
    columns_.push_back({kFull, i});
  }
  while (!poor.empty() && !rich.empty()) {
    const std::size_t small = poor.back();
    const std::size_t big = rich.back();
    poor.pop_back();
    columns_[small] = {
        static_cast<std::uint64_t>(static_cast<double>(left[small]) / static_cast<double>(total) * 0x1p32),
        big};
    left[big] -= total - left[small];
    if (left[big] < total) {
      rich.pop_back();
      poor.push_back(big);
    }
  }
}

std::size_t RandomTwo::pick(const Candidates& candidates, const Key& /*key*/) {
  const std::size_t first = draw(candidates, kNobody);
  if (first == kNobody) return kNobody;
  const std::size_t second = draw(candidates, first);
  if (second == kNobody) return first;
  const auto load = [&](std::size_t index) { return std::uint64_t{candidates.endpoint(index).active()}; };
  // Without the request to come: of two idle ones the first stays, and the weights alone decide.
  return load(first) * candidates.weight(second) <= load(second) * candidates.weight(first) ? first : second;
}

// By the weights of this moment: the table knows the full ones, and who has less now is refused as often as
// it has less.
std::size_t RandomTwo::draw(const Candidates& candidates, std::size_t other_than) {
  if (candidates.size() == 0) return kNobody;
  for (int i = 0; i < kDraws; ++i) {
    const std::size_t index = table_.draw(random_.next());
    if (index == other_than || !candidates.admits(index)) continue;
    const std::uint64_t full = std::uint64_t{candidates.members[index].weight} * kWeightUnit;
    const std::uint64_t weight = candidates.weight(index);
    if (weight == full || (random_.next() >> 32) * full >> 32 < weight) return index;
  }
  return search(candidates, other_than);
}

std::size_t RandomTwo::search(const Candidates& candidates, std::size_t other_than) {
  std::uint64_t total = 0;
  std::size_t found = kNobody;
  // One pass: each takes the place of those before it as often as its share of the weight so far.
  for (std::size_t index = 0; index < candidates.size(); ++index) {
    if (index == other_than || !candidates.admits(index)) continue;
    const std::uint64_t weight = candidates.weight(index);
    total += weight;
    if (found == kNobody || random_.next() % total < weight) found = index;
  }
  return found;
}

}  // namespace sluice::upstream
