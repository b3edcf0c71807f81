// RenderParts: what the lists of human output share. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "cli/style.h"
#include "json/value.h"

namespace aivault::cli {

// The text of a member; empty when absent or no text.
std::string text_in(const json::Value& object, std::string_view key);
bool is_true_in(const json::Value& object, std::string_view key);
// Empty when absent or no list.
const std::pmr::vector<json::Value>& items_in(const json::Value& object, std::string_view key);
std::string comma_list(const std::pmr::vector<json::Value>& texts);

// Entries with a name and labelled lines, then a count and a hint.
class Listing {
 public:
  Listing(std::string_view heading, const Style& style) : style_(style) {
    text_ = style.heading(heading) + "\n";
  }
  void name(std::string_view name);
  void line(std::string_view label, std::string_view value);
  void mark(std::string_view word);  // REVOKED, DISABLED
  // What there is so far, for a list that is printed while it comes.
  std::string take() { return std::exchange(text_, {}); }
  std::string finish(std::size_t count, std::string_view one, std::string_view many);

 private:
  const Style& style_;
  std::string text_;
  bool first_ = true;
};

std::string count_of(std::size_t count, std::string_view one, std::string_view many);

}  // namespace aivault::cli
