// judged_file_test: the good file with a change, and what the checks say of a file. For tests.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/check.h"
#include "registry/good_file_fixture.h"

namespace aivault::registry {

inline std::vector<std::string> problems_of(std::string_view text) {
  Problems problems;
  auto file = parse_file("acme.json", text, problems);
  if (file) {
    check_file(*file, problems);
    check_set(std::span(&*file, 1), {}, {}, problems);
  }
  return problems.lines();
}

inline std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace aivault::registry
