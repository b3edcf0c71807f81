// Visibility: what a caller may know of, which is what it may invoke.
// Thread: any; reads the vault where a token is shown. Errors: those of catalog::find_authority.
#pragma once

#include "admin/desk.h"
#include "admin/operation.h"
#include "catalog/authority.h"
#include "registry/definition.h"

namespace aivault::admin {

// Who asks, with which rights at this moment.
Result<catalog::Authority> authority_of(Desk& desk, const Request& request);

// Granted, neither disabled nor refused, and ready through a credential that the caller may use.
bool may_invoke(const catalog::Authority& authority, const registry::Capability& capability);

}  // namespace aivault::admin
