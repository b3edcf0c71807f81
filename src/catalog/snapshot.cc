#include "catalog/snapshot.h"

#include <algorithm>

#include "registry/registry.h"

namespace aivault::catalog {

Snapshot::Snapshot(Parts parts) : parts_(std::move(parts)) {}

const Credential* Snapshot::find_credential(std::string_view id) const {
  const auto found =
      std::ranges::lower_bound(parts_.credentials, id, {}, [](const Credential& entry) {
        return std::string_view(entry.id);
      });
  return found != parts_.credentials.end() && found->id == id ? &*found : nullptr;
}

const registry::Capability* Snapshot::find_capability(std::string_view id) const {
  const auto found = std::ranges::lower_bound(parts_.capabilities, id, {}, [](const auto& entry) {
    return std::string_view(entry->definition().id);
  });
  if (found != parts_.capabilities.end() && (*found)->definition().id == id) {
    return &(*found)->capability();
  }
  return registry::find_capability(id);
}

bool Snapshot::is_disabled(std::string_view capability) const {
  return std::ranges::binary_search(parts_.disabled, capability);
}

bool Snapshot::is_refused(std::string_view capability) const {
  return std::ranges::binary_search(parts_.refused, capability);
}

bool Snapshot::is_ready(std::string_view provider) const {
  return std::ranges::any_of(parts_.credentials, [&](const Credential& credential) {
    return credential.enabled && credential.provider == provider &&
           credential.state != CredentialState::damaged;
  });
}

}  // namespace aivault::catalog
