// The dynamic table of HPACK.
#include "http2/hpack.hpp"
#include "http2/hpack_static.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sluice::http2 {

void HpackTable::set_limit(std::uint32_t limit) {
  limit_ = limit;
  evict_down_to(limit);
  if (limit != 0) return;
  entries_.reset();
  bytes_.reset();
  slots_ = bytes_size_ = 0;
}

void HpackTable::evict_down_to(std::uint32_t size) {
  while (size_ > size) {
    const Entry& oldest = entry(--count_);
    size_ -= kOverhead + oldest.name_size + oldest.value_size;
    bytes_used_ -= (oldest.static_name == 0 ? oldest.name_size : 0U) + oldest.value_size;
  }
}

void HpackTable::reserve_entry() {
  if (count_ < slots_) return;
  const std::uint32_t slots = std::max(8U, slots_ * 2);
  auto entries = std::make_unique<Entry[]>(slots);
  for (std::uint32_t i = 0; i < count_; ++i)
    entries[count_ - 1 - i] = entry(i);
  entries_ = std::move(entries);
  slots_ = slots;
  next_ = count_;
}

void HpackTable::reserve_bytes(std::uint32_t more) {
  if (bytes_used_ + more <= bytes_size_) return;
  const std::uint32_t size = std::bit_ceil(std::max(64U, bytes_used_ + more));
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  const std::uint32_t oldest = bytes_next_ - bytes_used_;
  read(oldest, bytes.get(), bytes_used_);
  for (std::uint32_t i = 0; i < count_; ++i) {
    Entry& moved = entries_[(next_ - 1 - i) & (slots_ - 1)];
    moved.at = static_cast<std::uint16_t>((moved.at - oldest) & (bytes_size_ - 1));
  }
  bytes_ = std::move(bytes);
  bytes_size_ = size;
  bytes_next_ = bytes_used_;
}

void HpackTable::write(std::string_view text) {
  if (text.empty()) return;
  const std::uint32_t at = bytes_next_ & (bytes_size_ - 1);
  const std::size_t first = std::min<std::size_t>(text.size(), bytes_size_ - at);
  std::memcpy(bytes_.get() + at, text.data(), first);
  if (first != text.size()) std::memcpy(bytes_.get(), text.data() + first, text.size() - first);
  bytes_next_ += static_cast<std::uint32_t>(text.size());
  bytes_used_ += static_cast<std::uint32_t>(text.size());
}

void HpackTable::read(std::uint32_t at, char* to, std::size_t size) const {
  if (size == 0) return;
  at &= bytes_size_ - 1;
  const std::size_t first = std::min<std::size_t>(size, bytes_size_ - at);
  std::memcpy(to, bytes_.get() + at, first);
  if (first != size) std::memcpy(to + first, bytes_.get(), size - first);
}

bool HpackTable::holds(std::uint32_t at, std::string_view text) const {
  if (text.empty()) return true;
  at &= bytes_size_ - 1;
  const std::size_t first = std::min<std::size_t>(text.size(), bytes_size_ - at);
  return std::memcmp(bytes_.get() + at, text.data(), first) == 0 &&
         (first == text.size() || std::memcmp(bytes_.get(), text.data() + first, text.size() - first) == 0);
}

std::string_view HpackTable::copy_name(const Entry& entry, Arena& arena) const {
  if (entry.static_name != 0) return kStatic[entry.static_name].name;
  char* const to = arena.array<char>(entry.name_size);
  read(entry.at, to, entry.name_size);
  return {to, entry.name_size};
}

std::string_view HpackTable::copy_value(const Entry& entry, Arena& arena) const {
  char* const to = arena.array<char>(entry.value_size);
  read(entry.at + (entry.static_name == 0 ? entry.name_size : 0U), to, entry.value_size);
  return {to, entry.value_size};
}

void HpackTable::add(std::string_view name, std::string_view value, std::uint8_t static_name,
                     std::uint8_t tag) {
  const std::size_t size = kOverhead + name.size() + value.size();
  if (size > limit_) {
    evict_down_to(0);
    return;
  }
  evict_down_to(limit_ - static_cast<std::uint32_t>(size));
  const std::string_view stored_name = static_name == 0 ? name : std::string_view{};
  reserve_entry();
  reserve_bytes(static_cast<std::uint32_t>(stored_name.size() + value.size()));
  entries_[next_++ & (slots_ - 1)] = {static_cast<std::uint16_t>(bytes_next_ & (bytes_size_ - 1)),
                                      static_cast<std::uint16_t>(name.size()),
                                      static_cast<std::uint16_t>(value.size()), static_name, tag};
  ++count_;
  size_ += static_cast<std::uint32_t>(size);
  write(stored_name);
  write(value);
}

std::uint32_t HpackTable::find(std::string_view name, std::string_view value, std::uint8_t static_name,
                               std::uint8_t tag) const {
  // All of an entry but its place is compared at once, as the 8 bytes that it is.
  constexpr auto kMask = std::bit_cast<std::uint64_t>(Entry{0, 0xffff, 0xffff, 0xff, 0xff});
  const auto wanted =
      std::bit_cast<std::uint64_t>(Entry{0, static_cast<std::uint16_t>(name.size()),
                                         static_cast<std::uint16_t>(value.size()), static_name, tag});
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Entry& found = entry(i);
    if ((std::bit_cast<std::uint64_t>(found) & kMask) != wanted) continue;
    const std::uint32_t stored_name = static_name == 0 ? found.name_size : 0U;
    if ((static_name != 0 || holds(found.at, name)) && holds(found.at + stored_name, value)) return i;
  }
  return count_;
}

}  // namespace sluice::http2
