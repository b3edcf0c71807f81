#include "admin/visibility.h"

#include <algorithm>

namespace aivault::admin {

bool may_invoke_openly(const catalog::Snapshot& snapshot, const registry::Capability& capability) {
  if (capability.emits || capability.is_explicit || capability.nested) return false;
  if (snapshot.is_disabled(capability.id) || snapshot.is_refused(capability.id)) return false;
  return std::ranges::any_of(snapshot.credentials(), [&](const catalog::Credential& credential) {
    return credential.provider == capability.provider &&
           credential.state == catalog::CredentialState::ready &&
           credential.scope.kind == vault::Scope::Kind::global;
  });
}

}  // namespace aivault::admin
