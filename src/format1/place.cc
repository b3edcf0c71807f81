#include "format1/place.h"

#include "base/encoding.h"
#include "base/text.h"
#include "format1/fields.h"

namespace aivault::format1 {
namespace {

using json::Kind;
using json::Value;

Result<Place> workspace_in(const Value& object) {
  Place place{Place::Kind::workspace, {}, {}};
  TRY_ASSIGN(place.workspace, needed_text(object, "workspace_id"));
  return place;
}

Result<Place> group_in(const Value& object) {
  Place place{Place::Kind::group, {}, {}};
  TRY_ASSIGN(place.workspace, needed_text(object, "workspace_id"));
  TRY_ASSIGN(place.group, needed_text(object, "group_id"));
  return place;
}

// Bytes that no id of today may have. Bytes above ASCII belong to characters, of which the
// rules judge the white ones below.
bool is_forbidden(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7F || c == ':' || c == '/';
}

std::string encoded(std::string_view raw, bool all_but_ascii) {
  std::string text;
  for (const char c : raw) {
    if (is_forbidden(c) || (all_but_ascii && static_cast<unsigned char>(c) >= 0x80)) {
      text += '_' + hex(bytes_of({&c, 1}));
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

Result<Place> parse_place(const Value* value) {
  if (value == nullptr) return malformed("scope");
  if (value->is(Kind::string) && value->text() == "global") return Place();
  if (const auto* workspace = value->find("workspace")) return workspace_in(*workspace);
  if (const auto* group = value->find("group")) return group_in(*group);
  return malformed("scope");
}

Result<Place> parse_typed_place(const Value* value) {
  if (value == nullptr || !value->is(Kind::object)) return malformed("scope");
  TRY_ASSIGN(const auto type, needed_text(*value, "type"));
  if (type == "global") return Place();
  if (type == "workspace") return workspace_in(*value);
  if (type == "group") return group_in(*value);
  return malformed("scope");
}

Result<Place> place_of(const std::optional<std::string>& workspace,
                       const std::optional<std::string>& group) {
  if (group && !workspace) return malformed("workspaceId");
  if (group) return Place{Place::Kind::group, *workspace, *group};
  if (workspace) return Place{Place::Kind::workspace, *workspace, {}};
  return Place();
}

Result<std::string> ScopeIds::translate(std::string_view raw) {
  auto id = encoded(raw, false);
  // Unicode has white space of its own.
  if (!vault::is_valid_scope_id(id)) id = encoded(raw, true);
  if (!vault::is_valid_scope_id(id)) {
    return invalid_request("record_invalid",
                           "workspace or group id '" + quote_for_message(raw, 64) +
                               "' has no form of 1 to 128 characters");
  }
  const auto [known, is_new] = raw_by_new_.emplace(id, raw);
  if (!is_new && known->second != raw) {
    return invalid_request("record_invalid",
                           "workspace or group id '" + quote_for_message(raw, 64) +
                               "' would become equal to '" + quote_for_message(known->second, 64) +
                               "'");
  }
  return id;
}

Result<vault::Scope> ScopeIds::translate(const Place& place) {
  vault::Scope scope;
  scope.kind = place.kind;
  if (place.kind == Place::Kind::global) return scope;
  TRY_ASSIGN(scope.workspace, translate(place.workspace));
  if (place.kind == Place::Kind::workspace) return scope;
  TRY_ASSIGN(scope.group, translate(place.group));
  return scope;
}

std::vector<std::string> ScopeIds::changes() const {
  std::vector<std::string> changes;
  for (const auto& [id, raw] : raw_by_new_) {
    if (id != raw) changes.push_back("'" + quote_for_message(raw, 128) + "' is '" + id + "' now");
  }
  return changes;
}

}  // namespace aivault::format1
