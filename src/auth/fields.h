// Fields: the named strings of a secret that is a JSON object, nested names joined by dots.
// Thread: one object belongs to one thread at a time. Errors: as the caller words them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "json/value.h"
#include "json/wiping_memory.h"

namespace aivault::auth {

class Fields {
 public:
  // Other leaves than strings are left out. nullopt: no JSON object, no string in it, a name that
  // occurs twice, or more than 256 fields.
  static std::optional<Fields> parse(std::string_view json_text);
  static Fields of(std::vector<std::pair<std::string, std::string_view>> fields);

  // The view lives as long as this object, or as what of() was given.
  std::optional<std::string_view> find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string_view>>& all() const { return fields_; }

 private:
  Fields() = default;
  bool collect(const json::Value& object, const std::string& prefix);

  std::unique_ptr<json::WipingMemory> memory_;  // Outlives the document.
  std::unique_ptr<json::Value> document_;
  std::vector<std::pair<std::string, std::string_view>> fields_;  // Unique names.
};

}  // namespace aivault::auth
