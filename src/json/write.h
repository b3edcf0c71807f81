// write: a Value as JSON text, compact or as people read it (2-space indent).
// Control characters, U+007F-U+009F and bidirectional overrides are \uXXXX; / is not escaped.
// Always valid UTF-8: a byte of a Value that belongs to no character becomes U+FFFD.
#pragma once

#include <string>
#include <string_view>

#include "json/value.h"

namespace aivault::json {

enum class Order : std::uint8_t { as_built, alphabetical };

std::string compact(const Value& value, Order order = Order::as_built);
// With one final newline.
std::string pretty(const Value& value, Order order = Order::as_built);
// A JSON string literal, quotes included.
std::string quoted(std::string_view text);

}  // namespace aivault::json
