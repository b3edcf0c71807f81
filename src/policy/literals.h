// Literals: replaces texts in a stream of bytes, leftmost-longest, however it is cut, in time
// linear in the bytes. Only what may still become a hit is held back; the state is one number.
// Thread: one object belongs to one thread at a time; LiteralForms is immutable and shared.
// Source: Aho and Corasick, Efficient String Matching (CACM 18, 1975), with leftmost-longest hits.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aivault::policy {

// Each text as it is, and as JSON writers escape it.
class LiteralForms {
 public:
  explicit LiteralForms(std::span<const std::string> texts);
  bool empty() const { return nodes_.size() == 1; }

 private:
  friend class Literals;
  using NodeId = std::uint32_t;
  static constexpr NodeId kRoot = 0;
  static constexpr NodeId kNone = 0;  // Of children: the root is nobody's.

  struct Hit {
    std::uint32_t begin = 0, size = 0;  // In the text of a node.
  };
  // A node stands for the bytes that lead to it: held back, a hit may begin with the first of them.
  struct Node {
    NodeId first_child = kNone, sibling = kNone, parent = kRoot;
    // Where the search is when no child takes the next byte. The bytes that do not lead there are
    // decided then: hits of this node and of the `earlier` ones, and plain bytes.
    NodeId fail = kRoot;
    NodeId earlier = kNone;
    std::uint32_t first_hit = 0, hits = 0;
    std::uint32_t path = 0, depth = 0;  // Its text is in text_.
    char byte = 0;
    bool ends = false;
  };

  void add(std::string_view form);
  void link_all();
  void link(NodeId id);

  bool begins_with(char byte) const { return child(kRoot, byte) != kNone; }
  NodeId child(NodeId node, char byte) const;
  bool is_leaf(NodeId node) const { return nodes_[node].first_child == kNone; }
  NodeId fail_of(NodeId node) const { return nodes_[node].fail; }
  std::uint32_t decided(NodeId node) const {
    return nodes_[node].depth - nodes_[nodes_[node].fail].depth;
  }
  std::vector<Hit> hits_of(NodeId node) const;
  std::string_view text_of(NodeId node) const {
    return std::string_view(text_).substr(nodes_[node].path, nodes_[node].depth);
  }

  std::vector<Node> nodes_{1};
  std::vector<Hit> hits_;
  std::string text_;                  // The forms.
  std::array<NodeId, 256> begins_{};  // The children of the root.
};

class Literals {
 public:
  explicit Literals(std::shared_ptr<const LiteralForms> forms) : forms_(std::move(forms)) {}
  void feed(std::string_view in, std::string& out);
  void flush(std::string& out);  // Nothing follows, or nothing that belongs together.
  std::uint64_t hits() const { return hits_; }

 private:
  void take(char byte, std::string& out);
  void fall_back(std::string& out);
  void redact(std::string& out);

  std::shared_ptr<const LiteralForms> forms_;
  std::uint32_t state_ = 0;  // A node: its text is held back.
  std::uint64_t hits_ = 0;
};

}  // namespace aivault::policy
