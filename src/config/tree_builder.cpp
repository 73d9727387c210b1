#include "config/tree_builder.hpp"

#include "config/path.hpp"
#include "config/text.hpp"
#include "config/yaml_fault.hpp"
#include "config/yaml_slip.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sluice::config {
namespace {

// Below this, comparing every pair of keys beats building a hash table.
constexpr std::size_t kFewKeys = 8;

// Nodes below and including `node`, counted until they exceed `budget`, and the levels they take.
struct Extent {
  std::size_t nodes = 0;
  std::size_t levels = 0;
};

Extent measure(const Node& node, std::size_t budget) {
  Extent out{1, node.kind == Kind::map || node.kind == Kind::list ? std::size_t{1} : std::size_t{0}};
  std::size_t deepest = 0;
  for (const Entry& entry : node.children) {
    if (out.nodes > budget) break;
    const Extent below = measure(*entry.value, budget - out.nodes);
    out.nodes += below.nodes + (entry.key != nullptr ? 1 : 0);
    deepest = std::max(deepest, below.levels);
  }
  out.levels += deepest;
  return out;
}

// The entry that already has this key, if any. Remembers keys in a table once the map is large.
class SeenKeys {
 public:
  explicit SeenKeys(const std::vector<Entry>& entries)
      : entries_(entries), large_(entries.size() > kFewKeys) {
    if (large_) table_.reserve(entries.size());
  }

  const Node* find_or_add(std::size_t index) {
    const std::string_view key = entries_[index].key->text;
    if (large_) {
      const auto [place, fresh] = table_.emplace(key, entries_[index].key);
      return fresh ? nullptr : place->second;
    }
    for (std::size_t i = 0; i < index; ++i) {
      if (entries_[i].key->text == key) return entries_[i].key;
    }
    return nullptr;
  }

 private:
  const std::vector<Entry>& entries_;
  bool large_;
  std::unordered_map<std::string_view, const Node*> table_;
};

}  // namespace

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  const Position at = advance(mark);
  if (++documents_ > 1) stop(at, "a second YAML document begins here; one file holds one");
}

// yaml-cpp gives the place of the next token when nothing at all was written; that may be lines away.
void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto offset = static_cast<std::size_t>(std::max(mark.pos, 0));
  check_entry(offset);
  const bool written =
      offset < text_.size() && std::string_view("~nN").find(text_[offset]) != std::string_view::npos;
  const bool keyed = !frames_.empty() && frames_.back().key != nullptr;
  const Position here = keyed ? frames_.back().key->at : last_;
  attach(make(Kind::null, (keyed || !written) && here.line != 0 ? here : advance(mark), anchor));
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const Position at = advance(mark);
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) stop(at, "this alias has no anchor");
  const Node* target = found->second;
  const auto is_target = [&](const Frame& frame) { return frame.node == target; };
  if (std::any_of(frames_.begin(), frames_.end(), is_target))
    stop(at, "this alias stands inside its own anchor");
  const Extent extent = measure(*target, kMaxAliasedNodes - aliased_);
  aliased_ += extent.nodes;
  if (aliased_ > kMaxAliasedNodes) {
    stop(at, fmt::format("aliases stand for more than {} values altogether", kMaxAliasedNodes));
  }
  if (frames_.size() + extent.levels > kMaxDepth)
    stop(at, fmt::format("more than {} levels deep", kMaxDepth));
  attach(*target);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
  const Position at = advance(mark);
  const bool good = check_tag(tag, "tag:yaml.org,2002:str", at);
  Node& node = make(Kind::scalar, at, anchor);
  node.refused = !good;
  node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
  node.text = value;
  check_word(node);
  attach(node);
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                  YAML::EmitterStyle::value) {
  check_tag(tag, "tag:yaml.org,2002:seq", advance(mark));
  check_key();
  open(Kind::list, mark, tag, anchor);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value) {
  check_tag(tag, "tag:yaml.org,2002:map", advance(mark));
  check_key();
  open(Kind::map, mark, tag, anchor);
}

void TreeBuilder::OnMapEnd() {
  drop_duplicates(*frames_.back().node);
  close();
}

void TreeBuilder::finish() {
  for (auto& [at, path] : bad_keys_)
    out_.add(at, std::move(path), "a key must be text");
}

Position TreeBuilder::advance(const YAML::Mark& mark) {
  offset_ = static_cast<std::size_t>(std::max(mark.pos, 0));
  last_ = {file_, static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
  return last_;
}

Node& TreeBuilder::make(Kind kind, Position at, YAML::anchor_t anchor) {
  Node& node = tree_.nodes_.emplace_back();
  node.kind = kind;
  node.at = at;
  if (anchor != 0) anchors_[anchor] = &node;
  return node;
}

// Stopping here also keeps yaml-cpp, which calls itself for every level, from running out of stack.
void TreeBuilder::open(Kind kind, const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor) {
  const Position at = advance(mark);
  if (frames_.size() >= kMaxDepth) stop(at, fmt::format("more than {} levels deep", kMaxDepth));
  frames_.push_back({&make(kind, at, anchor)});
}

void TreeBuilder::close() {
  const Node& node = *frames_.back().node;
  frames_.pop_back();
  attach(node);
}

void TreeBuilder::attach(const Node& node) {
  if (frames_.empty()) {
    tree_.root_ = &node;
    return;
  }
  Frame& frame = frames_.back();
  if (frame.node->kind == Kind::list) {
    frame.node->children.push_back({nullptr, &node});
  } else if (frame.skip_value) {
    frame.skip_value = false;
  } else if (frame.key == nullptr) {
    attach_key(frame, node);
  } else {
    frame.node->children.push_back({std::exchange(frame.key, nullptr), &node});
  }
}

void TreeBuilder::attach_key(Frame& frame, const Node& node) {
  if (node.kind != Kind::scalar) {
    bad_keys_.emplace_back(node.at, path());
    frame.skip_value = true;
  } else if (node.text == "<<" && !node.quoted) {
    error(node.at,
          "merge keys (\"<<\") are not supported; write the keys out, or share a whole value by an alias");
    frame.skip_value = true;
  } else {
    frame.key = &node;
  }
}

// yaml-cpp's own marks: "?" nothing written, "!" quotes.
bool TreeBuilder::check_tag(const std::string& tag, std::string_view expected, Position at) {
  if (tag.empty() || tag == "?" || tag == "!" || tag == expected) return true;
  constexpr std::string_view kStandard = "tag:yaml.org,2002:";
  if (tag.starts_with(kStandard)) {
    const std::string written = "!!" + tag.substr(kStandard.size());
    error(at, fmt::format("the YAML tag {} is not supported; remove it", quoted(written)));
  } else {
    error(at, fmt::format("the YAML tag {} is not supported", quoted(tag)));
  }
  return false;
}

// What yaml-cpp lets pass, though it is not what was meant.
void TreeBuilder::check_word(const Node& node) const {
  if (offset_ >= text_.size()) return;
  if (node.quoted) {
    if (text_[offset_] != '"' && text_[offset_] != '\'') return;
    const Quote quote = quote_at(text_, offset_);
    if (runs_away(text_, quote)) stop(quote_fault(quote, text_, file_));
    return;
  }
  const bool key = awaits_key();
  if (const auto odd = odd_in_word(text_, offset_, node.text, key)) stop(*odd);
  const bool runs_on = text_.substr(offset_, node.text.size()).find('\n') != std::string_view::npos;
  if (!key && !runs_on) return;
  if (const auto slip = key_slip(text_, offset_)) stop(*slip);
}

// A comma or a colon with nothing before it.
void TreeBuilder::check_entry(std::size_t offset) const {
  const bool in_list = !frames_.empty() && frames_.back().node->kind == Kind::list;
  if (offset >= text_.size() || !(in_list || awaits_key())) return;
  if (text_[offset] == ',') stop(Slip{offset, "one \",\" too many; remove it"});
  if (text_[offset] == ':' && !in_list) stop(Slip{offset, "a key is missing before this \":\""});
  if (text_[offset] == '{' && !in_list) stop(Slip{offset, "one \"{\" too many; remove it"});
}

// Brackets where a key should be.
void TreeBuilder::check_key() const {
  if (offset_ >= text_.size()) return;
  if (const auto address = address_slip(text_, offset_)) stop(*address);
  if (!awaits_key() || offset_ == 0 || text_.substr(offset_ - 1, 2) != "{{") return;
  const std::size_t end = text_.find_first_of("}:\n", offset_);
  if (end != std::string_view::npos && text_.substr(end, 2) == "}}") {
    const std::string_view word = text_.substr(offset_ - 1, end + 2 - (offset_ - 1));
    stop(Slip{offset_ - 1, fmt::format("{} is of a template that was not filled in", quoted(word))});
  }
  stop(Slip{offset_, "one \"{\" too many; remove it"});
}

bool TreeBuilder::awaits_key() const {
  if (frames_.empty()) return false;
  const Frame& frame = frames_.back();
  return frame.node->kind == Kind::map && frame.key == nullptr && !frame.skip_value;
}

void TreeBuilder::drop_duplicates(Node& map) {
  SeenKeys seen(map.children);
  std::vector<Entry> kept;
  for (std::size_t i = 0; i < map.children.size(); ++i) {
    const Node& key = *map.children[i].key;
    const Node* first = seen.find_or_add(i);
    if (first != nullptr) {
      // Keep what came before and carry on copying from here: duplicates are rare, large maps are not.
      if (kept.empty())
        kept.assign(map.children.begin(), map.children.begin() + static_cast<std::ptrdiff_t>(i));
      frames_.back().key = &key;
      error(key.at, fmt::format("duplicate key {}, first at {}:{}", quoted(key.text), first->at.line,
                                first->at.column));
      frames_.back().key = nullptr;
    } else if (!kept.empty()) {
      kept.push_back(map.children[i]);
    }
  }
  if (!kept.empty()) map.children = std::move(kept);
}

std::string TreeBuilder::path() const {
  std::string out;
  for (const Frame& frame : frames_) {
    if (frame.node->kind == Kind::list) append_index(out, frame.node->children.size());
    if (frame.key != nullptr) append_key(out, frame.key->text);
  }
  return out;
}

void TreeBuilder::error(Position at, std::string_view message) const { out_.add(at, path(), message); }

void TreeBuilder::stop(Position at, std::string_view message) const {
  error(at, message);
  throw StopReading{};
}

// No value is at fault, so no path is told.
void TreeBuilder::stop(const Fault& fault) const {
  out_.add(fault.at, {}, fault.text);
  throw StopReading{};
}

void TreeBuilder::stop(const Slip& slip) const {
  stop(Fault{position_at(text_, slip.offset, file_), slip.text});
}

}  // namespace sluice::config
