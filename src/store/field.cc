#include "store/field.h"

namespace aivault::store {
namespace {

const std::string& nothing() {
  static const std::string empty;
  return empty;
}

}  // namespace

std::int64_t integer_of(const Field& field) { return optional_integer_of(field).value_or(0); }

std::optional<std::int64_t> optional_integer_of(const Field& field) {
  if (const auto* value = std::get_if<std::int64_t>(&field)) return *value;
  return std::nullopt;
}

const std::string& text_of(const Field& field) {
  const auto* text = std::get_if<std::string>(&field);
  return text != nullptr ? *text : nothing();
}

std::optional<std::string> optional_text_of(const Field& field) {
  if (const auto* text = std::get_if<std::string>(&field)) return *text;
  return std::nullopt;
}

const std::string& blob_of(const Field& field) {
  const auto* blob = std::get_if<Blob>(&field);
  return blob != nullptr ? blob->bytes : nothing();
}

}  // namespace aivault::store
