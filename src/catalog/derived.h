// Derived: names and kinds of what the registry makes of secrets: composites and derived
// credentials, one per auth kind and scope.
// Thread: any; pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/auth_spec.h"
#include "registry/definition.h"
#include "vault/rows.h"

namespace aivault::catalog {

// "openai", "openai:ws:W", "zendesk:oauth:group:W:G"
std::string derived_id(const registry::Provider& provider,
                       const registry::AuthKind& kind,
                       const vault::Scope& scope);
// "__aivault_registry:twilio:key:global"
std::string composite_name(const registry::Provider& provider,
                           const registry::AuthKind& kind,
                           const vault::Scope& scope);
// Several secrets, or Basic: the credential uses a system-managed JSON object of them.
bool needs_composite(const registry::AuthKind& kind);

registry::AuthSpec spec_of(const registry::AuthKind& kind);
const registry::AuthKind& base_kind(const registry::Provider& provider);
// nullptr: the provider has no kind of that name.
const registry::AuthKind* find_kind(const registry::Provider& provider, std::string_view name);
bool claims(const registry::AuthKind& kind, std::string_view secret_name);
// The kind that a secret is made for: by its claimed name, or as a composite; else the base kind.
const registry::AuthKind& kind_for(const registry::Provider& provider,
                                   const vault::SecretRecord& secret);
std::size_t served_capabilities(const registry::Provider& provider, const registry::AuthKind& kind);

// May this provider use a secret with this pin (its own, or that of its family)?
bool pin_allows(const std::optional<std::string>& pin, std::string_view provider);

}  // namespace aivault::catalog
