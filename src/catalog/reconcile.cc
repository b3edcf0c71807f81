#include <set>
#include <utility>

#include "catalog/catalog.h"
#include "catalog/derived.h"
#include "catalog/provision.h"
#include "json/parse.h"
#include "json/write.h"
#include "registry/registry.h"

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
  std::vector<vault::SecretRecord> orphans;  // Composites of providers that are gone.
};

const registry::Provider* provider_of_composite(std::string_view name) {
  name.remove_prefix(kCompositePrefix.size());
  return registry::find_provider(name.substr(0, name.find(':')));
}

Result<void> look_at_secrets(vault::Reader& reader, Found& found) {
  std::optional<vault::Reader::After> after;
  std::vector<vault::Problem> damaged;  // What cannot be read cannot be kept in step.
  for (;;) {
    TRY_ASSIGN(const auto page, reader.secrets({}, after, kPage, damaged));
    for (const auto& secret : page) {
      if (secret.revoked_at) continue;
      const bool composite = secret.system_managed && secret.name.starts_with(kCompositePrefix);
      const auto* provider = composite ? provider_of_composite(secret.name)
                                       : registry::provider_of_secret(secret.name);
      if (provider != nullptr) {
        found.places.emplace(provider, secret.scope);
      } else if (composite) {
        found.orphans.push_back(secret);
      }
    }
    if (page.size() < kPage) return {};
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
}

Result<void> reconcile(vault::Change& change) {
  audit::Event who;
  who.actor = "daemon";
  Found found;
  TRY(look_at_secrets(change, found));
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, change.credentials(damaged));
  for (const auto& row : rows) {
    if (row.origin != vault::Origin::registry) continue;
    if (const auto* provider = registry::find_provider(row.provider); provider != nullptr) {
      found.places.emplace(provider, row.scope);
    } else {
      TRY(remove_credential(change, row, who));
    }
  }
  for (const auto& [provider, scope] : found.places) {
    TRY(keep_in_step(change, *provider, scope, "", who));
  }
  for (const auto& orphan : found.orphans) TRY(change.erase_system_secret(orphan.id));
  TRY(store_setting(change));
  auto event = event_of(who, "settings.set");
  event.note = "registry " + std::string(registry::digest());
  change.record(std::move(event));
  return {};
}

}  // namespace

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
