// Visibility: what a caller who is not the operator may know of, which is what it may invoke.
// Thread: any; pure.
#pragma once

#include "catalog/snapshot.h"
#include "registry/definition.h"

namespace aivault::admin {

// Open access, without a record or a token: ready through a global credential, neither disabled nor
// refused, and none that needs a grant of its own (emits, explicit, nested).
bool may_invoke_openly(const catalog::Snapshot& snapshot, const registry::Capability& capability);

}  // namespace aivault::admin
