#include "catalog/snapshot.h"

#include <algorithm>

#include "registry/registry.h"

namespace aivault::catalog {

Snapshot::Snapshot(Parts parts) : parts_(std::move(parts)) {
  auto& known = parts_.providers.registry;
  if (!known) known = std::make_shared<const registry::Registry>();
  for (const auto& credential : parts_.credentials) {
    if (!credential.enabled) ++disabled_credentials_;
  }
  for (const auto& policy : parts_.policies) {
    const auto* capability = find_capability(policy.capability);
    if (capability != nullptr) {
      policies_of_[std::string(capability->provider)].push_back(&policy);
    }
  }
}

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
  return registry().find_capability(id);
}

bool Snapshot::is_disabled(std::string_view capability) const {
  return std::ranges::binary_search(parts_.disabled, capability);
}

bool Snapshot::is_refused(std::string_view capability) const {
  return std::ranges::binary_search(parts_.refused, capability) ||
         registry().is_refused(capability.substr(0, capability.find('/')));
}

const Snapshot::Policy* Snapshot::find_policy(std::string_view capability) const {
  const auto found = std::ranges::lower_bound(parts_.policies, capability, {}, &Policy::capability);
  return found != parts_.policies.end() && found->capability == capability ? &*found : nullptr;
}

std::span<const Snapshot::Policy* const> Snapshot::policies_of(std::string_view provider) const {
  const auto found = policies_of_.find(provider);
  return found != policies_of_.end() ? std::span<const Policy* const>(found->second)
                                     : std::span<const Policy* const>();
}

bool Snapshot::is_ready(std::string_view provider) const {
  return std::ranges::any_of(parts_.credentials, [&](const Credential& credential) {
    return credential.enabled && credential.provider == provider &&
           credential.state != CredentialState::damaged;
  });
}

}  // namespace aivault::catalog
