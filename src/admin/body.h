// Body and Query: typed reading of a request's JSON object and of its query; unknown keys and
// wrong types are refused before anything else happens.
// Thread: one object belongs to one thread. Errors: invalid_request record_invalid, never quoting
// a value.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/operation.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "json/value.h"
#include "vault/scope.h"

namespace aivault::admin {

class Body {
 public:
  using Keys = std::initializer_list<std::string_view>;
  static Result<Body> open(const Request& request, Keys known);

  // Absent and null are the same, except for has() and is_null().
  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool is_null(std::string_view key) const;
  const json::Value* value(std::string_view key) const;  // nullptr when absent or null.

  Result<std::optional<std::string>> text(std::string_view key) const;
  Result<std::string> text_or_empty(std::string_view key) const;  // Trimmed.
  Result<std::vector<std::string>> texts(std::string_view key) const;
  Result<std::optional<std::int64_t>> integer(std::string_view key) const;
  Result<bool> flag(std::string_view key) const;
  // "params": {name: text}; "defaultHeaders": [{name, value}].
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Result<Pairs> pairs(std::string_view key) const;
  Result<Pairs> named_values(std::string_view key) const;

  // SCOPE: "scope", "workspaceId", "groupId".
  Result<vault::Scope> scope() const;
  // VALUE: exactly one of "value" and "valueB64"; moved straight into locked memory.
  Result<Secret> secret_value() const;
  // A passphrase or a key that was entered as a string; as secret_value() otherwise.
  Result<std::optional<Secret>> secret(std::string_view key) const;
  // Does VALUE begin with this public text?
  bool value_begins_with(std::string_view beginning) const;

 private:
  explicit Body(const json::Value* object) : object_(object) {}
  const json::Value* find(std::string_view key) const;
  const json::Value* object_;
};

class Query {
 public:
  explicit Query(const Request& request) : request_(request) {}
  std::optional<std::string> text(std::string_view key) const;  // Blank: absent.
  std::vector<std::string> all(std::string_view key) const;
  Result<std::optional<std::int64_t>> integer(std::string_view key) const;
  Result<std::size_t> limit() const;  // 200 by default, at most 1,000.

 private:
  const Request& request_;
};

}  // namespace aivault::admin
