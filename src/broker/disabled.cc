#include "broker/disabled.h"

#include <string>

#include "base/text.h"
#include "registry/registry.h"

namespace aivault::broker {

using catalog::Snapshot;

namespace {

// Of a refused own capability only the id is known. By custom it begins with the provider; then it
// may have reached whatever the provider's own capabilities reach.
bool may_limit(std::string_view unknown, const registry::Capability& chosen) {
  return chosen.form == registry::PathForm::prefix &&
         unknown.starts_with(std::string(chosen.provider) + '/');
}

}  // namespace

tl::unexpected<Error> unknown_capability(std::string_view id) {
  return fail(ErrorCode::capability_not_found,
              "unknown_capability",
              "capability not found: '" + quote_for_message(id) + "'");
}

Result<void> check_readable(const Snapshot& snapshot, std::string_view capability) {
  if (!snapshot.is_refused(capability)) return {};
  return vault_unavailable("row_integrity",
                           "row integrity check failed: capabilities/" +
                               quote_for_message(capability) +
                               ": the record that limits it is refused");
}

Result<void> check_enabled(const Snapshot& snapshot, std::string_view capability) {
  TRY(check_readable(snapshot, capability));
  if (snapshot.is_disabled(capability)) {
    return policy_violation("capability_disabled", "capability is disabled");
  }
  return {};
}

Result<void> check_overlaps(const Snapshot& snapshot,
                            const registry::Capability& chosen,
                            const Reach& reach) {
  const auto reaches = [&](const registry::Capability& other) {
    return other.provider == chosen.provider && covers(other, reach);
  };
  for (const auto& id : snapshot.refused()) {
    const auto* other = snapshot.find_capability(id);
    if (other != nullptr ? reaches(*other) : may_limit(id, chosen)) {
      TRY(check_readable(snapshot, id));
    }
  }
  for (const auto& id : snapshot.disabled()) {
    const auto* other = snapshot.find_capability(id);
    if (other != nullptr && reaches(*other)) {
      return policy_violation("capability_disabled",
                              "capability is disabled: '" + id + "' covers this call");
    }
  }
  return {};
}

}  // namespace aivault::broker
