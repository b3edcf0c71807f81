#include "catalog/derived.h"

#include <algorithm>

#include "json/parse.h"
#include "registry/registry.h"

namespace aivault::catalog {

std::string derived_id(const registry::Provider& provider,
                       const registry::AuthKind& kind,
                       const vault::Scope& scope) {
  std::string id(provider.id);
  if (!kind.base) id += ":" + std::string(kind.name);
  switch (scope.kind) {
    case vault::Scope::Kind::global: break;
    case vault::Scope::Kind::workspace: id += ":ws:" + scope.workspace; break;
    case vault::Scope::Kind::group: id += ":group:" + scope.workspace + ":" + scope.group; break;
  }
  return id;
}

std::string composite_name(const registry::Provider& provider,
                           const registry::AuthKind& kind,
                           const vault::Scope& scope) {
  return "__aivault_registry:" + std::string(provider.id) + ":" + std::string(kind.name) + ":" +
         scope.text();
}

bool needs_composite(const registry::AuthKind& kind) {
  return kind.secrets.size() > 1 || kind.word == "basic" || kind.word.view().starts_with("multi-");
}

registry::AuthSpec spec_of(const registry::AuthKind& kind) {
  const auto config = json::parse(kind.config);
  if (!config) return {};
  return registry::parse_auth(*config, registry::AuthForm::file).value_or(registry::AuthSpec());
}

const registry::AuthKind& base_kind(const registry::Provider& provider) {
  const auto found = std::ranges::find_if(provider.kinds, &registry::AuthKind::base);
  return found != provider.kinds.end() ? *found : provider.kinds.front();
}

const registry::AuthKind* find_kind(const registry::Provider& provider, std::string_view name) {
  const auto found = std::ranges::find(provider.kinds, name, &registry::AuthKind::name);
  return found != provider.kinds.end() ? &*found : nullptr;
}

bool claims(const registry::AuthKind& kind, std::string_view secret_name) {
  return std::ranges::find(kind.secrets, secret_name, &registry::SecretClaim::name) !=
         kind.secrets.end();
}

const registry::AuthKind& kind_for(const registry::Provider& provider,
                                   const vault::SecretRecord& secret) {
  for (const auto& kind : provider.kinds) {
    if (needs_composite(kind)) {
      if (secret.system_managed && secret.name == composite_name(provider, kind, secret.scope)) {
        return kind;
      }
    } else if (claims(kind, secret.name)) {
      return kind;
    }
  }
  return base_kind(provider);
}

std::size_t served_capabilities(const registry::Provider& provider,
                                const registry::AuthKind& kind) {
  return static_cast<std::size_t>(
      std::ranges::count_if(provider.capabilities, [&](const registry::Capability& capability) {
        if (capability.kinds.empty()) return !kind.named_only;
        return std::ranges::find(capability.kinds, kind.name) != capability.kinds.end();
      }));
}

bool pin_allows(const std::optional<std::string>& pin, std::string_view provider) {
  return !pin || registry::accepts_pin(provider, *pin);
}

}  // namespace aivault::catalog
