#include "sluice/config/diagnostics.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::size_t kMostFindings = 50;
// So many tenants with the same mistake are shown each where it stands.
constexpr std::size_t kFewTenants = 3;
constexpr std::string_view kTenantPath = "tenants.items.";

// The first of those that are said as one, and how many others there are.
struct Group {
  const Diagnostic* first = nullptr;
  std::size_t more = 0;
};

// Of what is the same, whatever way led to it: an alias is one place in the file and many in the document.
auto cause_of(const Diagnostic& item) {
  return std::tie(item.at.file, item.at.line, item.at.column, item.message, item.hint);
}

bool comes_before(const Diagnostic* a, const Diagnostic* b) {
  return std::tuple_cat(cause_of(*a), std::tie(a->path)) < std::tuple_cat(cause_of(*b), std::tie(b->path));
}

// Where the hint begins, less its "; "; npos where there is none. Quoted words may hold anything.
std::size_t end_of_message(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && text.substr(i, 2) == "; ") {
      return i;
    }
  }
  return std::string_view::npos;
}

// What comes behind the tenant's name, with the text: equal for tenants with the same mistake. Empty for what
// concerns no tenant.
std::string mistake_of(const Diagnostic& item) {
  std::string_view path = item.path;
  if (!path.starts_with(kTenantPath)) return {};
  path.remove_prefix(kTenantPath.size());
  const std::size_t end = path.find('.');
  const std::string_view rest = end == std::string_view::npos ? std::string_view() : path.substr(end);
  return fmt::format("{}\n{}\n{}", rest, item.message, item.hint);
}

Finding finding_of(const Diagnostic& item, const std::vector<std::string>& files) {
  const bool known = item.at.file < files.size();
  return {item.severity, known ? files[item.at.file] : "configuration",
          item.at.line,  item.at.column,
          item.path,     item.message,
          item.hint};
}

std::vector<Group> by_cause(const std::vector<const Diagnostic*>& sorted) {
  std::vector<Group> out;
  const Diagnostic* before = nullptr;
  for (const Diagnostic* item : sorted) {
    if (before == nullptr || cause_of(*before) != cause_of(*item)) {
      out.push_back({item, 0});
    } else if (before->path != item->path) {
      ++out.back().more;
      out.back().first = std::min(out.back().first, item);  // the path by which it was met first
    }
    before = item;
  }
  return out;
}

// A warning about a value that has an error too is one line too many.
bool outdone(const Diagnostic& warning, const std::vector<Diagnostic>& items) {
  const auto place = [](const Diagnostic& item) {
    return std::tie(item.at.file, item.at.line, item.at.column, item.path);
  };
  return std::any_of(items.begin(), items.end(), [&](const Diagnostic& other) {
    return other.severity == Severity::error && place(other) == place(warning);
  });
}

// The same mistake in many tenants, each in a place of its own: often a script wrote them.
std::vector<Group> by_mistake(const std::vector<Group>& groups) {
  std::unordered_map<std::string, std::vector<std::size_t>> equal;
  for (std::size_t i = 0; i < groups.size(); ++i)
    equal[mistake_of(*groups[i].first)].push_back(i);
  equal.erase(std::string());
  std::vector<Group> out = groups;
  for (const auto& [mistake, places] : equal) {
    if (places.size() <= kFewTenants) continue;
    for (auto place = places.begin() + 1; place != places.end(); ++place) {
      out[places.front()].more += 1 + out[*place].more;
      out[*place].first = nullptr;
    }
  }
  std::erase_if(out, [](const Group& group) { return group.first == nullptr; });
  return out;
}

std::string further(const Group& group) {
  if (group.more == 0) return {};
  const std::string_view what = group.first->path.starts_with(kTenantPath) ? "tenant" : "place";
  return fmt::format(" (and {} more {}{})", group.more, what, group.more == 1 ? "" : "s");
}

// `mark` stands between the place and what is said of it.
std::string line_of(const Finding& item, std::string_view mark) {
  std::string out;
  if (!item.file.empty()) {
    out = item.file;
    if (item.line != 0) out += fmt::format(":{}:{}", item.line, item.column);
    out += ": ";
  }
  out += mark;
  if (!item.path.empty()) out += item.path + ": ";
  out += item.message;
  if (!item.hint.empty()) out += "; " + item.hint;
  return out;
}

}  // namespace

Finding finding(Severity severity, std::string message) {
  Finding out;
  out.severity = severity;
  out.message = std::move(message);
  return out;
}

std::string text_of(const Finding& item) { return line_of(item, {}); }

std::string render(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& item : findings)
    out += line_of(item, item.severity == Severity::warning ? "warning: " : "") + '\n';
  return out;
}

void Diagnostics::say(Severity severity, Position at, std::string path, std::string_view text) {
  const std::size_t end = end_of_message(text);
  const std::string_view hint = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
  items_.push_back({severity, at, std::move(path), std::string(text.substr(0, end)), std::string(hint)});
  if (severity == Severity::error) ++errors_;
}

void Diagnostics::missing(Position at, std::string path, std::string_view key) {
  doubt(path.empty() ? std::string(key) : fmt::format("{}.{}", path, key));
  say(Severity::error, at, std::move(path), fmt::format("the key \"{}\" is missing", key));
}

bool Diagnostics::doubtful(std::string_view path) const {
  for (;;) {
    if (doubts_.contains(path)) return true;
    if (path.empty()) return false;
    const std::size_t end = path.find_last_of(".[");
    path = path.substr(0, end == std::string_view::npos ? 0 : end);
  }
}

bool Diagnostics::doubtful_within(std::string_view path) const {
  if (doubtful(path)) return true;
  // In between may stand longer names, such as "pools-b" between "pools" and "pools.a".
  for (auto at = doubts_.lower_bound(path); at != doubts_.end() && at->starts_with(path); ++at) {
    if (path.empty() || (*at)[path.size()] == '.' || (*at)[path.size()] == '[') return true;
  }
  return false;
}

std::vector<Finding> Diagnostics::findings(Severity severity, const std::vector<std::string>& files) const {
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& item : items_) {
    if (item.severity != severity) continue;
    if (severity == Severity::error || errors_ == 0 || !outdone(item, items_)) sorted.push_back(&item);
  }
  std::sort(sorted.begin(), sorted.end(), comes_before);
  const std::vector<Group> groups = by_mistake(by_cause(sorted));
  std::vector<Finding> out;
  for (const Group& group : groups) {
    if (out.size() == kMostFindings) break;
    out.push_back(finding_of(*group.first, files));
    out.back().message += further(group);
  }
  if (groups.size() > kMostFindings)
    out.push_back(finding(severity, fmt::format("… and {} more", groups.size() - kMostFindings)));
  return out;
}

std::string Diagnostics::render(const std::vector<std::string>& files) const {
  return config::render(findings(Severity::error, files)) +
         config::render(findings(Severity::warning, files));
}

}  // namespace sluice::config
