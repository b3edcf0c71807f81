// parse: strict JSON (RFC 8259) into a Value. What two readers could understand
// differently is refused: duplicate keys, a BOM, invalid UTF-8, lone surrogates, trailing bytes.
// Thread: any. Errors: invalid_request, reason "record_invalid"; the message says what and where,
// never quotes the input.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace aivault::json {

enum class Positions : std::uint8_t { none, every_value };  // every_value is slow: for files.

// kept: every member stays, in order; for documents that are only shown.
enum class Duplicates : std::uint8_t { refused, kept };

struct Limits {
  std::size_t bytes = std::size_t{2} << 20U;
  std::size_t depth = 32;
  std::size_t keys = 10'000;    // Object members in the whole document.
  std::size_t values = 50'000;  // In the whole document: "[1,1,...]" grows 60-fold as a tree.
  Duplicates duplicates = Duplicates::refused;
};

struct Failure {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string what;  // "holds a duplicate key": goes after the name of the document.
};

// For files that people write: the place of the failure apart from its text.
tl::expected<Value, Failure> parse_located(
    std::string_view text,
    Limits limits,
    Positions positions = Positions::every_value,
    std::pmr::memory_resource* memory = std::pmr::get_default_resource());

Result<Value> parse(std::string_view text,
                    Limits limits = {},
                    Positions positions = Positions::none,
                    std::pmr::memory_resource* memory = std::pmr::get_default_resource());

}  // namespace aivault::json
