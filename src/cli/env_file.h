// EnvFile: the NAME=VALUE lines of an env file, values straight into locked memory. Pure.
// A line: optional `export `, NAME, '=', value. Unquoted values are trimmed and end before " #";
// 'single' quotes are literal; "double" quotes know \n \r \t \" \\ \$; quoted values may span
// lines. Empty lines and those that begin with # are ignored; nothing is expanded.
// Errors: none; what is wrong is named by its line, never by what it holds.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/secret.h"

namespace aivault::cli {

struct EnvEntry {
  std::string name;
  Secret value;  // May be empty.
};
struct BadLine {
  std::size_t number = 0;  // From 1.
  std::string what;
};
struct EnvFile {
  std::vector<EnvEntry> entries;
  std::vector<BadLine> bad;
};

// Resolves escapes in place. At most `most` entries are taken; the line after them is a bad one.
EnvFile parse_env_file(std::span<char> text, std::size_t most);

}  // namespace aivault::cli
