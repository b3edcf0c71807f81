// StoredFields: typed reading of the JSON of a stored record that grants or restricts: a key that
// is not known, or a value of another type, makes the record unusable, for it may have restricted.
// Thread: any. Errors: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace aivault::catalog {

class StoredFields {
 public:
  using Keys = std::initializer_list<std::string_view>;
  static Result<StoredFields> open(std::string_view body, Keys known);
  static Result<StoredFields> of(json::Value object, Keys known);

  // Absent: empty, none, false.
  Result<std::string> text(std::string_view key) const;
  Result<std::vector<std::string>> texts(std::string_view key) const;
  Result<std::optional<std::int64_t>> integer(std::string_view key) const;
  Result<bool> flag(std::string_view key) const;
  const json::Value* find(std::string_view key) const;  // nullptr: absent or null.

 private:
  explicit StoredFields(json::Value object) : object_(std::move(object)) {}
  json::Value object_;
};

}  // namespace aivault::catalog
