#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/credential.h"
#include "catalog/facts.h"
#include "catalog/provider_files.h"

namespace aivault::admin {
namespace {

using catalog::Credential;
using catalog::CredentialState;

json::Value with_state(const Credential& credential) {
  auto result = catalog::to_json(credential);
  result.set("state", catalog::to_string(credential.state));
  return result;
}

// One of an old vault that is kept and never used: what can be told of it. Nullopt: not one.
std::optional<json::Value> imported_entry(const vault::CredentialRow& row) {
  const auto facts = catalog::parse_facts(row.body);
  if (row.enabled || !facts || !facts->imported) return std::nullopt;
  Credential credential;
  credential.id = row.id;
  credential.provider = row.provider;
  credential.scope = row.scope;
  credential.secret_id = row.secret_id;
  credential.enabled = false;
  credential.state = CredentialState::disabled;
  if (const auto* hosts = facts->imported->record.find("hosts"); hosts != nullptr) {
    for (const auto& host : hosts->items()) {
      if (host.is(json::Kind::string)) credential.policy.hosts.emplace_back(host.text());
    }
  }
  auto entry = with_state(credential);
  entry.set("auth", nullptr);  // What it was does not pass the checks of this version.
  return entry;
}

std::string id_of(const Request& request) { return std::string(trim(request.ids.front())); }

tl::unexpected<Error> unknown_credential(const std::string& id) {
  return not_found("credential '" + quote_for_message(id) + "' not found");
}

Result<std::vector<catalog::Step>> keep_in_step(vault::Change& change,
                                                const vault::CredentialRow& row,
                                                const Request& request) {
  TRY_ASSIGN(const auto known, catalog::known_providers(change));
  const auto* provider = known->find_provider(row.provider);
  if (provider == nullptr) return std::vector<catalog::Step>();
  return catalog::keep_in_step(change, *provider, row.scope, "", who(request));
}

enum class Switch : std::uint8_t { off, on };

// Sets the flag of an existing row; a row that is already so stays untouched.
Result<void> set_enabled(vault::Vault& vault,
                         const std::string& id,
                         Switch wanted,
                         const Request& request) {
  const bool enabled = wanted == Switch::on;
  TRY_ASSIGN(const auto before,
             vault::read(vault, [&](vault::Reader& reader) { return reader.credential(id); }));
  if (!before) return unknown_credential(id);
  if (before->enabled == enabled) return {};
  return vault.change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(auto row, change.credential(id));
    if (!row) return unknown_credential(id);
    row->enabled = enabled;
    row->updated_at = change.now();
    TRY(change.put(*row));
    change.record(catalog::event_of(
        who(request), enabled ? "credential.enable" : "credential.disable", *row));
    // A derived one that was off while its secrets went away goes as well.
    if (enabled && row->origin == vault::Origin::registry) TRY(keep_in_step(change, *row, request));
    return {};
  });
}

Result<Answer> switch_credential(Desk& desk, const Request& request, Switch wanted) {
  TRY(Body::open(request, {}));
  const auto id = id_of(request);
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY(set_enabled(*vault, id, wanted, request));
  return changed(ad_hoc(json::Value::object({{"enabled", wanted == Switch::on}, {"id", id}})));
}

}  // namespace

Result<Answer> list_credentials(Desk& desk, const Request&) {
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  json::Value items = json::Value::array();
  auto damaged = records.warnings();
  for (const auto& credential : snapshot->credentials()) {
    if (credential.state != CredentialState::damaged) {
      items.push(with_state(credential));
      continue;
    }
    auto message = credential.state_detail;
    const auto row =
        records.read([&](vault::Reader& reader) { return reader.credential(credential.id); });
    auto entry = row && *row ? imported_entry(**row) : std::nullopt;
    if (entry) {
      message = "credential '" + quote_for_message(credential.id) + "' " + message;
      items.push(*std::move(entry));
    }
    damaged.push_back({"credential", credential.id, std::move(message)});
  }
  return shape(list_of(std::move(items), json::Value(), damaged));
}

Result<Answer> show_credential(Desk& desk, const Request& request) {
  const auto id = id_of(request);
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto* credential = open.snapshot->find_credential(id);
  if (credential == nullptr) return unknown_credential(id);
  if (credential->state == CredentialState::damaged) {
    return vault_unavailable("row_integrity", credential->state_detail);
  }
  return shape(with_state(*credential));
}

Result<Answer> delete_credential(Desk& desk, const Request& request) {
  const auto id = id_of(request);
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  const auto found =
      vault::read(*vault, [&](vault::Reader& reader) { return reader.credential(id); });
  const bool damaged = !found && is_damaged_row(found.error());
  if (!found && !damaged) return fail(found.error());
  auto result = json::Value::object({{"id", id}});
  if (found && !*found) return changed(ad_hoc(std::move(result.set("removed", false))));

  if (found && (*found)->origin == vault::Origin::registry) {
    const bool was_enabled = (*found)->enabled;
    TRY(set_enabled(*vault, id, Switch::off, request));
    return changed(ad_hoc(std::move(result.set("removed", was_enabled).set("disabled", true))));
  }
  std::vector<catalog::Step> steps;
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    if (!damaged) {
      TRY(catalog::remove_credential(change, **found, who(request)));
      // Its id may have been in the way of a derived one.
      TRY_ASSIGN(steps, keep_in_step(change, **found, request));
      return {};
    }
    TRY(change.remove_credential(id));
    auto event = catalog::event_of(who(request), "credential.delete");
    event.credential = id;
    event.note = "its row had failed the integrity check";
    change.record(std::move(event));
    return {};
  }));
  return changed(ad_hoc(std::move(result.set("removed", true))), notices_of(steps));
}

Result<Answer> enable_credential(Desk& desk, const Request& request) {
  return switch_credential(desk, request, Switch::on);
}

Result<Answer> disable_credential(Desk& desk, const Request& request) {
  return switch_credential(desk, request, Switch::off);
}

}  // namespace aivault::admin
