// AuthFields: the members of one auth object, each under either of its two spellings.
// Thread: one object belongs to one thread at a time. Errors: invalid_request record_invalid.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "registry/auth_spec.h"

namespace aivault::registry {

// "headerName" becomes "header_name".
std::string snake_case(std::string_view camel);

class AuthFields {
 public:
  // `word` names the kind in messages ("multi-header"); `object` outlives this.
  AuthFields(std::string_view word, const json::Value& object) : word_(word), object_(object) {}

  // Fields are named in camelCase. Call once per known field, then finish(). Null is absent.
  Result<std::optional<std::string>> text(std::string_view name);
  Result<std::string> text_or(std::string_view name, std::string_view otherwise);
  Result<std::optional<std::int64_t>> integer(std::string_view name);
  Result<std::vector<std::string>> texts(std::string_view name);
  // An object of strings, sorted by name.
  Result<std::vector<std::pair<std::string, std::string>>> pairs(std::string_view name);
  // Absent: nullptr.
  Result<const json::Value*> value(std::string_view name);
  // What is left is unknown.
  Result<void> finish(bool type_form) const;

  std::string what(std::string_view name) const;  // "header auth headerName"

 private:
  std::string_view word_;
  const json::Value& object_;
  std::vector<std::string> taken_;
};

// A list of {"<name_field>": ..., "value_template": ...}.
Result<std::vector<FieldTemplate>> parse_templates(std::string_view word,
                                                   std::string_view name_field,
                                                   const json::Value& list);

}  // namespace aivault::registry
