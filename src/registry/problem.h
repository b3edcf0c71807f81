// Problem: one fault in a registry file, with its place: "FILE:LINE:COL: error CODE: text".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aivault::registry {

struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  auto operator<=>(const Position&) const = default;
};

enum class Severity : std::uint8_t { error, warning };

struct Problem {
  std::string file;
  Position at;
  Severity severity = Severity::error;
  std::string code;
  std::string text;
};

class Problems {
 public:
  void error(std::string_view file, Position at, std::string_view code, std::string text);
  void warn(std::string_view file, Position at, std::string_view code, std::string text);
  bool has_errors() const;
  // By file, place, code and text; one line each.
  std::vector<std::string> lines() const;
  const std::vector<Problem>& all() const { return list_; }

 private:
  std::vector<Problem> list_;
};

}  // namespace aivault::registry
