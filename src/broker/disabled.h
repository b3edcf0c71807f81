// disabled: what the operator has switched off, or what a row that cannot be read may have.
// Thread: any; pure. Errors: policy_violation capability_disabled, vault_unavailable row_integrity,
// capability_not_found unknown_capability.
#pragma once

#include <string_view>

#include "base/result.h"
#include "broker/overlap.h"
#include "catalog/snapshot.h"

namespace aivault::broker {

tl::unexpected<Error> unknown_capability(std::string_view id);
Result<void> check_readable(const catalog::Snapshot& snapshot, std::string_view capability);
Result<void> check_enabled(const catalog::Snapshot& snapshot, std::string_view capability);
// A disabled capability cannot be evaded by naming a wider one that covers the same call; nor can
// one whose row is damaged or gone, for it may have been disabled.
Result<void> check_overlaps(const catalog::Snapshot& snapshot,
                            const registry::Capability& chosen,
                            const Reach& reach);

}  // namespace aivault::broker
