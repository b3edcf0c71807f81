#include "registry/problem.h"

#include <algorithm>
#include <tuple>

namespace aivault::registry {

void Problems::error(std::string_view file, Position at, std::string_view code, std::string text) {
  list_.push_back({std::string(file), at, Severity::error, std::string(code), std::move(text)});
}

void Problems::warn(std::string_view file, Position at, std::string_view code, std::string text) {
  list_.push_back({std::string(file), at, Severity::warning, std::string(code), std::move(text)});
}

bool Problems::has_errors() const {
  return std::ranges::any_of(
      list_, [](const Problem& problem) { return problem.severity == Severity::error; });
}

std::vector<std::string> Problems::lines() const {
  auto sorted = list_;
  std::ranges::sort(sorted, [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.at, a.code, a.text) < std::tie(b.file, b.at, b.code, b.text);
  });
  std::vector<std::string> lines;
  for (const auto& problem : sorted) {
    lines.push_back(problem.file + ":" + std::to_string(problem.at.line) + ":" +
                    std::to_string(problem.at.column) +
                    (problem.severity == Severity::error ? ": error " : ": warning ") +
                    problem.code + ": " + problem.text);
  }
  return lines;
}

}  // namespace aivault::registry
