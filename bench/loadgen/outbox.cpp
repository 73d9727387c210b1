#include "loadgen/outbox.hpp"

namespace sluice::bench {

using toolkit::IoStatus;

void Outbox::send(std::string_view text, std::string_view lasting) {
  lasting_ = lasting;
  if (write(text, !lasting_.empty())) {
    write(lasting_, false);
  } else {
    text_ = text;
  }
  if (broken_) drop();
}

void Outbox::flush() {
  std::string_view text = text_;
  const bool written = write(text, !lasting_.empty());
  text_.erase(0, text_.size() - text.size());
  if (written) write(lasting_, false);
  if (broken_) drop();
}

bool Outbox::write(std::string_view& part, bool more) {
  while (!part.empty()) {
    const auto result = wire_.write(part.data(), part.size(), more);
    if (result.status == IoStatus::again) return false;
    if (result.status != IoStatus::done) {
      broken_ = true;
      return false;
    }
    part.remove_prefix(result.bytes);
  }
  return true;
}

void Outbox::drop() {
  text_.clear();
  lasting_ = {};
}

}  // namespace sluice::bench
