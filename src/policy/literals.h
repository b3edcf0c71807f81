// Literals: replaces texts in a stream of bytes, leftmost-longest, however it is cut. Only what may
// still become a hit is held back.
// Thread: one object belongs to one thread at a time; LiteralForms is immutable and shared.
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

  struct Match {
    std::size_t size = 0;    // Of the longest form that is here; 0: none.
    bool undecided = false;  // With more bytes it might be longer.
  };
  Match match(std::string_view text) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> next;
    bool ends = false;
  };
  void add(std::string_view form);
  const Node* step(const Node& node, unsigned char byte) const;

  std::vector<Node> nodes_{1};
  std::array<bool, 256> begins_{};  // Which bytes a form begins with.
};

class Literals {
 public:
  explicit Literals(std::shared_ptr<const LiteralForms> forms) : forms_(std::move(forms)) {}
  void feed(std::string_view in, std::string& out);
  void flush(std::string& out);  // Nothing follows, or nothing that belongs together.
  std::uint64_t hits() const { return hits_; }

 private:
  enum class More : bool { none, may_come };
  void scan(std::string_view text, More more, std::string& out);

  std::shared_ptr<const LiteralForms> forms_;
  std::string held_;
  std::uint64_t hits_ = 0;
};

}  // namespace aivault::policy
