#include "sluice/config/load.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice::config {
namespace {

auto key_of(const Diagnostic& item) {
  return std::tie(item.at.file, item.at.line, item.at.column, item.path, item.message);
}

std::string line_of(const Diagnostic& item, const std::vector<std::string>& files) {
  std::string out = item.at.file < files.size() ? files[item.at.file] : "configuration";
  if (item.at.line != 0) {
    out += ':' + std::to_string(item.at.line) + ':' + std::to_string(item.at.column);
  }
  out += ": ";
  if (!item.path.empty()) out += item.path + ": ";
  return out + item.message + '\n';
}

}  // namespace

void Diagnostics::add(Position at, std::string path, std::string message) {
  items_.push_back({at, std::move(path), std::move(message)});
}

std::string Diagnostics::render(const std::vector<std::string>& files) const {
  std::vector<const Diagnostic*> sorted;
  sorted.reserve(items_.size());
  for (const Diagnostic& item : items_)
    sorted.push_back(&item);
  std::sort(sorted.begin(), sorted.end(),
            [](const Diagnostic* a, const Diagnostic* b) { return key_of(*a) < key_of(*b); });
  const auto end = std::unique(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return key_of(*a) == key_of(*b);
  });
  std::string out;
  for (auto item = sorted.begin(); item != end; ++item)
    out += line_of(**item, files);
  return out;
}

}  // namespace sluice::config
