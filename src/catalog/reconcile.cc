#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "catalog/catalog.h"
#include "catalog/derived.h"
#include "catalog/provider_files.h"
#include "catalog/provision.h"
#include "json/parse.h"
#include "json/write.h"
#include "registry/operator_file.h"

namespace aivault::catalog {
namespace {

constexpr std::string_view kSetting = "registry";
constexpr std::string_view kKey = "digest";
constexpr std::string_view kCompositePrefix = "__aivault_registry:";
constexpr std::size_t kPage = 1000;

std::string setting_body() {
  return json::compact(json::Value::object({{kKey, registry::digest()}}));
}

Result<bool> is_current(vault::Reader& reader) {
  TRY_ASSIGN(const auto setting, reader.setting(kSetting));
  return setting && setting->body == setting_body();
}

Result<void> store_setting(vault::Change& change) {
  return change.put(vault::SettingRow{std::string(kSetting), setting_body(), change.now()});
}

using Place = std::pair<const registry::Provider*, vault::Scope>;

struct Found {
  std::set<Place> places;
  std::vector<vault::SecretRecord> orphans;  // Composites that no kind makes any more.
};

std::string_view provider_id_in(const vault::SecretRecord& composite) {
  std::string_view name = composite.name;
  name.remove_prefix(kCompositePrefix.size());
  return name.substr(0, name.find(':'));
}

const registry::Provider* provider_of_composite(const registry::Registry& known,
                                                const vault::SecretRecord& composite) {
  const auto* provider = known.find_provider(provider_id_in(composite));
  if (provider == nullptr) return nullptr;
  const bool made = std::ranges::any_of(provider->kinds, [&](const registry::AuthKind& kind) {
    return needs_composite(kind) &&
           composite.name == composite_name(*provider, kind, composite.scope);
  });
  return made ? provider : nullptr;
}

// What was made for a provider file waits for it: the file may be damaged, or come back.
bool waits_for_its_file(const registry::Registry& known, std::string_view provider) {
  return registry::is_operator_id(provider) && known.find_provider(provider) == nullptr;
}

// Does the registry still make a credential of this id?
const registry::Provider* provider_of_derived(const registry::Registry& known,
                                              const vault::CredentialRow& row) {
  const auto* provider = known.find_provider(row.provider);
  if (provider == nullptr) return nullptr;
  const bool made = std::ranges::any_of(provider->kinds, [&](const registry::AuthKind& kind) {
    return row.id == derived_id(*provider, kind, row.scope);
  });
  return made ? provider : nullptr;
}

Result<void> look_at_secrets(vault::Reader& reader, const registry::Registry& known, Found& found) {
  std::optional<vault::Reader::After> after;
  std::vector<vault::Problem> damaged;  // What cannot be read cannot be kept in step.
  for (;;) {
    TRY_ASSIGN(const auto page, reader.secrets({}, after, kPage, damaged));
    for (const auto& secret : page) {
      if (secret.revoked_at) continue;
      const bool composite = secret.system_managed && secret.name.starts_with(kCompositePrefix);
      if (composite) {
        if (const auto* provider = provider_of_composite(known, secret); provider != nullptr) {
          found.places.emplace(provider, secret.scope);
        } else if (!waits_for_its_file(known, provider_id_in(secret))) {
          found.orphans.push_back(secret);
        }
      } else if (const auto* claim = known.claim_of(secret.name); claim != nullptr) {
        for (const registry::Provider* provider : claim->providers) {
          found.places.emplace(provider, secret.scope);
        }
      }
    }
    if (page.size() < kPage) return {};
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
}

Result<void> reconcile(vault::Change& change) {
  audit::Event who;
  who.actor = "daemon";
  TRY(keep_everything_in_step(change, who));
  TRY(store_setting(change));
  auto event = event_of(who, "settings.set");
  event.note = "registry " + std::string(registry::digest());
  change.record(std::move(event));
  return {};
}

}  // namespace

Result<std::vector<Step>> keep_everything_in_step(vault::Change& change, const audit::Event& who) {
  std::vector<Step> steps;
  Found found;
  TRY_ASSIGN(const auto known, known_providers(change));
  TRY(look_at_secrets(change, *known, found));
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, change.credentials(damaged));
  for (const auto& row : rows) {
    if (row.origin != vault::Origin::registry) continue;
    if (const auto* provider = provider_of_derived(*known, row); provider != nullptr) {
      found.places.emplace(provider, row.scope);
    } else if (!waits_for_its_file(*known, row.provider)) {
      TRY_ASSIGN(auto step, remove_credential(change, row, who));
      steps.push_back(std::move(step));
    }
  }
  for (const auto& [provider, scope] : found.places) {
    TRY_ASSIGN(auto more, keep_in_step(change, *provider, scope, "", who));
    std::ranges::move(more, std::back_inserter(steps));
  }
  for (const auto& orphan : found.orphans) {
    auto event = event_of(who, "secret.system_managed");
    event.secret_id = orphan.id.str();
    event.scope = orphan.scope.text();
    event.note = orphan.name + " removed";
    change.record(std::move(event));
    TRY(change.erase_system_secret(orphan.id));
  }
  return steps;
}

Result<void> remember_registry(vault::Change& change) {
  TRY_ASSIGN(const auto setting, change.setting(kSetting));
  return setting ? Result<void>() : store_setting(change);
}

Result<void> reconcile_with_registry(vault::Vault& vault) {
  bool needed = false;
  TRY(vault.read([&](vault::Reader& reader) -> Result<void> {
    TRY_ASSIGN(const bool current, is_current(reader));
    if (current) return {};
    // An untouched vault has nothing to reconcile, and stays untouched.
    std::vector<vault::Problem> damaged;
    TRY_ASSIGN(const auto first, reader.secrets({}, std::nullopt, 1, damaged));
    TRY_ASSIGN(const auto rows, reader.credentials(damaged));
    needed = !first.empty() || !rows.empty();
    return {};
  }));
  if (!needed) return {};
  return vault.change(reconcile);
}

}  // namespace aivault::catalog
