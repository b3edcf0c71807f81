#include "admin/setup_section.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "catalog/derived.h"
#include "json/write.h"

namespace aivault::admin {
namespace {

using json::Value;

// The kind that a newcomer sets up: the base kind, or the first one that the capability names.
const registry::AuthKind& kind_to_set_up(const registry::Provider& provider,
                                         const registry::Capability* capability) {
  const auto& base = catalog::base_kind(provider);
  if (capability == nullptr || capability->kinds.empty()) return base;
  if (std::ranges::find(capability->kinds, base.name) != capability->kinds.end()) return base;
  const auto* named = catalog::find_kind(provider, capability->kinds.front());
  return named != nullptr ? *named : base;
}

// The commands that most of these capabilities need.
Value commands_of_most(const registry::Registry& known,
                       std::span<const registry::Capability* const> capabilities) {
  std::map<std::string, std::pair<std::size_t, Value>> counts;
  const std::pair<std::size_t, Value>* most = nullptr;
  for (const auto* capability : capabilities) {
    const auto section = setup_section(known, capability->provider, capability);
    const auto* commands = section.find("commands");
    if (commands == nullptr) continue;
    auto& entry = counts[json::compact(*commands)];
    if (entry.first++ == 0) entry.second = *commands;
    if (most == nullptr || entry.first > most->first) most = &entry;
  }
  return most != nullptr ? most->second : Value::array();
}

}  // namespace

Value setup_section(const registry::Registry& known,
                    std::string_view provider_id,
                    const registry::Capability* capability) {
  const auto* provider = known.find_provider(provider_id);
  if (provider == nullptr || provider->kinds.empty()) return {};
  auto claims = std::vector<registry::SecretClaim>();
  const auto& kind = kind_to_set_up(*provider, capability);
  claims.assign(kind.secrets.begin(), kind.secrets.end());
  if (claims.empty()) return {};
  std::ranges::sort(claims, {}, &registry::SecretClaim::name);
  Value commands = Value::array();
  Value required = Value::object();
  for (const auto& claim : claims) {
    commands.push("aivault secrets create --name " + std::string(claim.name) + " --scope global");
    required.set(claim.name, claim.placeholder.view());
  }
  std::string note = "Each command asks for the value without showing it.";
  if (!provider->setup_url.empty()) note += " Get it at " + std::string(provider->setup_url) + ".";
  for (const auto step : provider->setup_steps) note += " " + std::string(step);
  return Value::object({{"commands", std::move(commands)},
                        {"note", std::move(note)},
                        {"requiredSecrets", std::move(required)}});
}

Value setup_commands(const registry::Registry& known,
                     std::span<const registry::Capability* const> capabilities) {
  std::map<std::string_view, std::vector<const registry::Capability*>> of_provider;
  for (const auto* capability : capabilities) {
    of_provider[capability->provider].push_back(capability);
  }
  Value setup = Value::object();
  for (const auto& [provider, list] : of_provider) {
    setup.set(provider, commands_of_most(known, list));
  }
  return setup;
}

}  // namespace aivault::admin
