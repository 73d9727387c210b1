#include "config/tree.hpp"

#include "config/foreign_text.hpp"
#include "config/text.hpp"
#include "config/tree_builder.hpp"
#include "config/yaml_fault.hpp"

#include <algorithm>
#include <istream>
#include <streambuf>

#include <fmt/format.h>
#include <yaml-cpp/parser.h>

namespace sluice::config {
namespace {

constexpr std::size_t kChunk = 64 * kKiB;

// Feeds the parser, and ends the text when it reads too far ahead of its last event: it keeps every token of
// an open {…} or […] in memory, some 240 bytes for each byte of text at worst.
class Feed final : public std::streambuf {
 public:
  Feed(std::string_view text, const TreeBuilder& builder) : builder_(builder) {
    // The interface asks for writable memory, and nothing writes: putting back only moves the pointer.
    begin_ = const_cast<char*>(text.data());
    end_ = begin_ + text.size();
    setg(begin_, begin_, begin_);
  }

  bool cut() const { return cut_; }

 private:
  int_type underflow() override {
    const auto given = static_cast<std::size_t>(gptr() - begin_);
    if (gptr() == end_) return traits_type::eof();
    if (given > builder_.offset() + kMaxLookahead) {
      cut_ = true;
      return traits_type::eof();
    }
    const auto left = static_cast<std::size_t>(end_ - gptr());
    setg(begin_, gptr(), gptr() + std::min(left, kChunk));
    return traits_type::to_int_type(*gptr());
  }

  const TreeBuilder& builder_;
  char* begin_;
  char* end_;
  bool cut_ = false;
};

// YAML is text; what is not would surface later as a strange name.
bool check_bytes(std::string_view text, std::uint32_t file, Diagnostics& out) {
  if (is_utf16(text)) {
    out.add({file, 1, 1}, {}, "the file is UTF-16; save it as UTF-8");
    return false;
  }
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos) {
    out.add(position_at(text, nul, file), {}, "a NUL byte; this is no text file");
    return false;
  }
  const std::size_t invalid = find_invalid_utf8(text);
  if (invalid == std::string_view::npos) return true;
  out.add(position_at(text, invalid, file), {}, "a byte that is no UTF-8; save the file as UTF-8");
  return false;
}

bool report_foreign(std::string_view text, std::uint32_t file, Diagnostics& out) {
  const auto slip = foreign_text(text);
  if (slip) out.add(position_at(text, slip->offset, file), {}, slip->text);
  return slip.has_value();
}

void run_parser(Feed& feed, TreeBuilder& builder) {
  std::istream stream(&feed);
  YAML::Parser parser(stream);
  while (parser.HandleNextDocument(builder)) {
  }
}

}  // namespace

Tree Tree::parse(std::string_view text, std::uint32_t file, Diagnostics& out) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  Tree tree;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!check_bytes(text, file, out)) return tree;
  TreeBuilder builder(text, file, tree, out);
  Feed feed(text, builder);
  bool complete = false;
  try {
    run_parser(feed, builder);
    builder.finish();
    complete = true;
  } catch (const StopReading&) {
    return tree;
  } catch (const YAML::Exception& error) {
    if (!feed.cut() && !report_foreign(text, file, out)) {
      const Fault fault = explain(error, text, file);
      out.add(fault.at, {}, fault.text);
    }
  }
  if (feed.cut()) {
    out.add(builder.last(), {}, fmt::format("more than {} MiB in one value", kMaxLookahead / kMiB));
  } else if (complete && (tree.root_ == nullptr || tree.root_->kind == Kind::null)) {
    tree.root_ = nullptr;
    out.add({file, 1, 1}, {}, "the file is empty");
  } else if (complete && tree.root_->kind == Kind::scalar && report_foreign(text, file, out)) {
    tree.root_ = nullptr;
  }
  return tree;
}

}  // namespace sluice::config
