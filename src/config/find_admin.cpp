#include "sluice/config/admin.hpp"

#include "config/address.hpp"
#include "config/environment.hpp"
#include "config/file.hpp"
#include "config/schemas.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include <fmt/format.h>

namespace sluice::config {
namespace {

constexpr std::string_view kKey = "admin";
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kDeepest = 2;  // a brace may be missing before it

// --- in what is YAML ---

// The value of the key at the top; nothing where it is not there or wrong.
struct Found {
  std::optional<std::string> value;
  std::optional<Finding> wrong;
};

// The first of what there is to complain about.
Finding first_of(const Diagnostics& complaints, const std::string& name) {
  return complaints.findings(Severity::error, {name}).front();
}

Found value_in(const Node& root, const std::string& name) {
  Diagnostics complaints;
  Document document;
  document.files.push_back(name);
  Context context{complaints, document.files, {}, {}};
  const Cursor top(context, root);
  const auto at = top.find(kKey);
  if (!at) return {};
  read_admin(*at, document);
  if (!complaints.failed()) return {document.admin.value, {}};
  return {std::nullopt, first_of(complaints, name)};
}

// --- in what is not ---

bool in(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

// Whether `text` begins with the key, in quotes or without.
bool begins_with_key(std::string_view text) {
  const char quote = !text.empty() && in("\"'", text.front()) ? text.front() : '\0';
  if (quote != '\0') text.remove_prefix(1);
  if (!text.starts_with(kKey)) return false;
  text.remove_prefix(kKey.size());
  if (quote != '\0') {
    if (!text.starts_with(quote)) return false;
    text.remove_prefix(1);
  }
  const std::size_t colon = text.find_first_not_of(" \t");
  return colon != std::string_view::npos && text[colon] == ':';
}

std::string_view line_of(std::string_view text) { return text.substr(0, text.find('\n')); }

// Lines that belong to the key in the first column, up to the next such key.
std::string_view block_of(std::string_view text) {
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line = line_of(text.substr(at));
    const bool outermost = !line.empty() && !in(" \t#\r", line.front());
    if (begin != std::string_view::npos && outermost) return text.substr(begin, at - begin);
    if (begin == std::string_view::npos && begins_with_key(line)) begin = at;
    at += line.size() + 1;
  }
  return begin != std::string_view::npos ? text.substr(begin) : std::string_view();
}

// Where a quoted word ends that begins at `at`.
std::size_t end_of_word(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote && text[at] != '\n'; ++at) {
    if (text[at] == '\\' && quote == '"') ++at;
  }
  return at;
}

// The same in `{…}`, JSON for instance: the outermost such key, to the end of its value.
std::string_view member_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t begin = std::string_view::npos;
  std::size_t depth_of_key = kDeepest + 1;
  std::size_t end = text.size();
  bool open = false;  // the value of the key found last has not ended
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool value_ends =
        open && ((text[at] == ',' && depth == depth_of_key) || (in("}]", text[at]) && depth <= depth_of_key));
    if (value_ends) {
      end = at;
      open = false;
    }
    const bool word = at == 0 || in("{,\"' \t\r\n", text[at - 1]) || in("\"'", text[at]);
    if (word && depth < depth_of_key && depth > 0 && begins_with_key(text.substr(at))) {
      begin = at;
      end = text.size();
      depth_of_key = depth;
      open = true;
    }
    if (in("\"'", text[at])) at = end_of_word(text, at);
    if (at < text.size() && text[at] == '#' && in(kSpace, text[at - 1]))
      at += line_of(text.substr(at)).size();
    if (at < text.size() && in("{[", text[at])) ++depth;
    if (at < text.size() && in("}]", text[at]) && depth > 0) --depth;
  }
  return begin != std::string_view::npos ? text.substr(begin, end - begin) : std::string_view();
}

// The document where it is one `{…}`, without what stands before it; else nothing.
std::string_view flow_of(std::string_view text) {
  for (;;) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    text.remove_prefix(first);
    if (text.front() == '{') return text;
    if (text.front() != '#' && !text.starts_with("---")) return {};
    text.remove_prefix(line_of(text).size());
  }
}

// The first word that can be an address.
std::optional<std::string> address_among(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n\"'{},";
  for (;;) {
    const std::size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    text.remove_prefix(word.size());
    if (word == "off") return "off";
    const Parsed<std::string> expanded = expand(word);
    if (!expanded) continue;
    if (Parsed<std::string> address = parse_address(expanded.value, Role::admin)) return address.value;
  }
}

// Whether the address goes on over the line: then a quote is missing, which the parser may not mind.
bool swallowed(const std::string& address) { return address.find_first_of(kSpace) != std::string::npos; }

std::optional<std::string> guess(std::string_view text, const std::string& name) {
  const std::string_view flow = flow_of(text);
  const std::string_view part = flow.empty() ? block_of(text) : member_of(flow);
  if (part.empty()) return std::nullopt;
  Diagnostics complaints;
  const Tree tree = Tree::parse(part, 0, complaints);
  if (!complaints.failed() && tree.root() != nullptr) {
    const Found found = value_in(*tree.root(), name);
    if (found.value && !swallowed(*found.value)) return found.value;
  }
  return address_among(part);
}

std::string default_address() { return Document{}.admin.value; }

AdminAddress doubtful(std::string address, Finding why, std::string_view what_then) {
  why.severity = Severity::warning;
  if (!why.hint.empty()) why.hint += "; ";
  why.hint += fmt::format("{}, {}", what_then, address);
  return {std::move(address), std::move(why), false};
}

AdminAddress by_default(Finding why) {
  return doubtful(default_address(), std::move(why), "trying the default address");
}

AdminAddress unreadable(const std::string& path, std::string why) {
  Finding doubt = finding(Severity::warning, std::move(why));
  doubt.file = path;
  AdminAddress out = by_default(std::move(doubt));
  out.unreadable = true;
  return out;
}

}  // namespace

AdminAddress find_admin_in(std::string_view text, const std::string& name) {
  Diagnostics complaints;
  const Tree tree = Tree::parse(text, 0, complaints);
  Found found = tree.root() != nullptr ? value_in(*tree.root(), name) : Found{};
  if (!complaints.failed()) {
    if (found.wrong) return by_default(std::move(*found.wrong));
    if (found.value && swallowed(*found.value)) {
      Finding why = finding(Severity::warning, "the admin address holds spaces");
      why.file = name;
      why.hint = "a quote may be missing";
      return doubtful(guess(text, name).value_or(*found.value), std::move(why), "going by");
    }
    return {found.value.value_or(default_address()), {}, false};
  }
  std::optional<std::string> likely = guess(text, name);  // the tree may end within it
  if (!likely) likely = std::move(found.value);
  if (!likely) return by_default(first_of(complaints, name));
  return doubtful(std::move(*likely), first_of(complaints, name), "going by the admin address in it");
}

AdminAddress find_admin(const std::string& path) {
  try {
    const FileText file = read_file(path, FileKind::any);
    if (!file.error.empty()) return unreadable(path, file.error);
    return find_admin_in(file.text, path);
  } catch (const std::exception& error) {
    return unreadable(path, std::string("cannot be read: ") + error.what());
  }
}

std::string parse_admin(std::string_view text, std::string& problem) {
  Parsed<std::string> address = parse_address(text, Role::admin);
  problem = std::move(address.error);
  return problem.empty() ? std::move(address.value) : std::string();
}

}  // namespace sluice::config
