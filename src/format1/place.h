// Place: a scope as an old file says it, with its ids as they are there; and ScopeIds, which turns
// old workspace and group ids into ids that the rules of today allow.
// Thread: any; pure. Errors: invalid_request record_invalid.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "vault/scope.h"

namespace aivault::format1 {

// Raw ids. `text()` is what old records were sealed with.
using Place = vault::Scope;

// Of records: "global", {"workspace":{"workspace_id"}}, {"group":{"workspace_id","group_id"}}.
Result<Place> parse_place(const json::Value* value);
// Of bindings: {"type":"global"}, {"type":"workspace","workspace_id"}, {"type":"group",...}.
Result<Place> parse_typed_place(const json::Value* value);
// Of credentials: ids that may be absent.
Result<Place> place_of(const std::optional<std::string>& workspace,
                       const std::optional<std::string>& group);

class ScopeIds {
 public:
  // Each byte outside the rules becomes '_' and two hex digits, the same everywhere. An id that
  // would become equal to another one is refused: nothing may reach more than before.
  Result<std::string> translate(std::string_view raw);
  Result<vault::Scope> translate(const Place& place);
  // "'my team' is 'my_20team' now", for ids that changed.
  std::vector<std::string> changes() const;

 private:
  std::map<std::string, std::string> raw_by_new_;
};

}  // namespace aivault::format1
