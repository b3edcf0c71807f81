// Field: one value of a row as SQLite stores it; a Row is one value a column, in schema order.
// Thread: any; plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace aivault::store {

struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};
struct BlobView {
  std::string_view bytes;
};

using Field = std::variant<std::monostate, std::int64_t, std::string, Blob>;
using Row = std::vector<Field>;

inline Field text_field(std::string text) { return Field(std::move(text)); }
inline Field blob_field(std::string bytes) { return Field(Blob{std::move(bytes)}); }
inline Field integer_field(std::optional<std::int64_t> value) {
  return value ? Field(*value) : Field();
}
inline Field optional_text_field(const std::optional<std::string>& text) {
  return text ? Field(*text) : Field();
}

// What a column of another type gives: 0 and "". The schema is STRICT, so that cannot be.
std::int64_t integer_of(const Field& field);
std::optional<std::int64_t> optional_integer_of(const Field& field);
const std::string& text_of(const Field& field);
std::optional<std::string> optional_text_of(const Field& field);
const std::string& blob_of(const Field& field);

}  // namespace aivault::store
