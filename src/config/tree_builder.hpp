// yaml-cpp's events into a Tree.
#pragma once

#include "config/tree.hpp"
#include "config/yaml_fault.hpp"
#include "config/yaml_slip.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

namespace sluice::config {

// Thrown through yaml-cpp when reading on is pointless; the reason has been reported.
struct StopReading {};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::uint32_t file, Tree& tree, Diagnostics& out)
      : text_(text), file_(file), tree_(tree), out_(out) {}

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override;

  // To be called when the text has come to its end.
  void finish();

  // How far into the text the events have come, and where that is.
  std::size_t offset() const { return offset_; }
  Position last() const { return last_; }

 private:
  // A map or list that is still open. In maps `key` is the key whose value comes next.
  struct Frame {
    Node* node;
    const Node* key = nullptr;
    bool skip_value = false;  // the key was refused, its value goes the same way
  };

  Position advance(const YAML::Mark& mark);
  Node& make(Kind kind, Position at, YAML::anchor_t anchor);
  void open(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor);
  void close();
  void attach(const Node& node);
  void attach_key(Frame& frame, const Node& node);
  bool check_tag(const std::string& tag, std::string_view expected, Position at);
  void check_word(const Node& node) const;
  void check_entry(std::size_t offset) const;
  void check_key() const;
  bool awaits_key() const;
  void drop_duplicates(Node& map);
  std::string path() const;
  void error(Position at, std::string_view message) const;
  [[noreturn]] void stop(Position at, std::string_view message) const;
  [[noreturn]] void stop(const Fault& fault) const;
  [[noreturn]] void stop(const Slip& slip) const;

  std::string_view text_;
  std::uint32_t file_;
  Tree& tree_;
  Diagnostics& out_;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, const Node*> anchors_;
  // Kept until the end: brackets that are not closed seem to be keys at first.
  std::vector<std::pair<Position, std::string>> bad_keys_;
  std::size_t aliased_ = 0;  // nodes that aliases stood for so far
  std::size_t documents_ = 0;
  std::size_t offset_ = 0;
  Position last_;
};

}  // namespace sluice::config
