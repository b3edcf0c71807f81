#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/policy_row.h"
#include "catalog/provider_files.h"

namespace aivault::admin {
namespace {

using catalog::body_of;

tl::unexpected<Error> unknown_capability(const std::string& id) {
  return not_found("capability '" + quote_for_message(id) + "' not found");
}

// Also of one whose row cannot be read: it may be limited further.
Result<std::string> known_id(vault::Reader& reader, const std::string& id) {
  TRY_ASSIGN(const auto known, catalog::known_providers(reader));
  if (const auto* found = known->find_capability(id)) return std::string(found->id);
  const auto row = reader.capability(id);
  if (row ? row->has_value() : is_damaged_row(row.error())) return id;
  if (!row) return fail(row.error());
  return unknown_capability(id);
}

// What was there is replaced without being trusted.
Result<void> replace(vault::Change& change, const std::string& id, const policy::Limits& limits) {
  if (limits != policy::Limits()) {
    const auto before = change.policy(id);
    if (!before && is_damaged_row(before.error())) TRY(change.remove_policy(id));
    return change.put(vault::PolicyRow{id, body_of(limits), change.now()});
  }
  TRY(change.remove_policy(id));
  return {};
}

std::string note_of(const policy::Limits& limits) {
  if (limits == policy::Limits()) return "no limits";
  return "limits" + catalog::body_note(body_of(limits));
}

}  // namespace

Result<Answer> set_policy(Desk& desk, const Request& request) {
  policy::Limits limits;
  if (request.body != nullptr) {
    TRY_ASSIGN(limits, catalog::parse_limits(*request.body));
  }
  std::string id(trim(request.ids.front()));
  if (id.empty()) return invalid_request("record_invalid", "--capability is required");
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(id, known_id(change, id));
    TRY(replace(change, id, limits));
    auto event = catalog::event_of(who(request), "capability.policy");
    event.capability = id;
    event.note = note_of(limits);
    change.record(std::move(event));
    return {};
  }));
  return changed(shape(catalog::to_json(id, limits)));
}

}  // namespace aivault::admin
