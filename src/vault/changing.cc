#include "vault/changing.h"

#include <algorithm>

#include "crypto/uuid.h"
#include "store/statement.h"
#include "vault/secret_rules.h"

namespace aivault::vault {
namespace {

using store::Statement;
using store::Table;

Maker maker_of(bool system_managed) { return system_managed ? Maker::system : Maker::people; }

tl::unexpected<Error> not_found() { return invalid_request("not_found", "secret not found"); }
tl::unexpected<Error> revoked() { return vault_unavailable("secret_missing", "secret revoked"); }

}  // namespace

Result<std::optional<std::string>> Changing::holder_of(const Scope& scope,
                                                       const std::string& name) {
  std::optional<std::string> holder;
  Statement find(database_,
                 "SELECT secret_id FROM secret_names WHERE scope = ?1 AND workspace_id = ?2 AND "
                 "group_id = ?3 AND name = ?4",
                 static_cast<std::int64_t>(scope.kind),
                 scope.workspace,
                 scope.group,
                 name);
  TRY(store::first_row(find, [&](const Statement& row) { holder = row.text(0); }));
  return holder;
}

// Names and aliases are unique together in one exact scope.
Result<void> Changing::claim_names(const SecretRecord& secret) {
  TRY_ASSIGN(const auto holder, holder_of(secret.scope, secret.name));
  if (holder && *holder != secret.id.str()) {
    return invalid_request("exists", "secret name '" + secret.name + "' already exists");
  }
  for (const auto& alias : secret.aliases) {
    TRY_ASSIGN(const auto other, holder_of(secret.scope, alias));
    if (alias == secret.name || (other && *other != secret.id.str())) {
      return invalid_request("exists", "alias '" + alias + "' conflicts with an existing name");
    }
  }
  return {};
}

Result<void> Changing::store_names(const SecretRecord& secret) {
  TRY(Statement(database_, "DELETE FROM secret_names WHERE secret_id = ?1", secret.id.str()).run());
  if (secret.revoked_at) return {};
  const auto add = [&](const std::string& name, int is_alias) {
    return Statement(database_,
                     "INSERT INTO secret_names (scope, workspace_id, group_id, name, secret_id, "
                     "is_alias) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     static_cast<std::int64_t>(secret.scope.kind),
                     secret.scope.workspace,
                     secret.scope.group,
                     name,
                     secret.id.str(),
                     is_alias)
        .run();
  };
  TRY(add(secret.name, 0));
  for (const auto& alias : secret.aliases) TRY(add(alias, 1));
  return {};
}

Result<void> Changing::store_groups(const SecretRecord& secret) {
  TRY(Statement(database_, "DELETE FROM secret_groups WHERE secret_id = ?1", secret.id.str())
          .run());
  for (const auto& [workspace, group] : secret.attached) {
    TRY(Statement(database_,
                  "INSERT INTO secret_groups (secret_id, workspace_id, group_id) VALUES (?1, ?2, "
                  "?3)",
                  secret.id.str(),
                  workspace,
                  group)
            .run());
  }
  return {};
}

Result<void> Changing::store_value(const SecretId& id, const crypto::Sealed& value) {
  return Statement(database_,
                   "REPLACE INTO secret_values (secret_id, nonce, ciphertext) VALUES (?1, ?2, ?3)",
                   id.str(),
                   store::BlobView{value.nonce},
                   store::BlobView{value.ciphertext})
      .run();
}

Result<void> Changing::remove_value(const SecretId& id) {
  return Statement(database_, "DELETE FROM secret_values WHERE secret_id = ?1", id.str()).run();
}

// Rows that refer to the secret need it to be there, and its seal covers its names.
Result<void> Changing::store_secret(const StoredSecret& secret) {
  const auto row = to_row(secret);
  TRY(draft_.put(Table::secrets, row, &secret.record));
  return store_names(secret.record);
}

Result<StoredSecret> Changing::live_secret(const SecretId& id) {
  TRY_ASSIGN(auto secret, rows().secret(id.str()));
  if (!secret) return not_found();
  if (secret->record.revoked_at) return revoked();
  return std::move(*secret);
}

Result<SecretRecord> Changing::create_secret(const NewSecret& wanted, const Secret& value) {
  const auto maker = maker_of(wanted.system_managed);
  StoredSecret secret;
  auto& record = secret.record;
  TRY_ASSIGN(record.name, check_name(wanted.name, maker));
  TRY_ASSIGN(record.aliases, check_aliases(wanted.aliases, maker));
  TRY(check_scope(wanted.scope));
  TRY(check_value(value));
  TRY(check_days(wanted.rotate_every_days));
  if (draft_.memory().revisions->count(Table::secrets) >= kMaxSecrets) {
    return invalid_request("record_invalid", "a vault holds at most 1000000 secrets");
  }
  record.id = SecretId(crypto::random_uuid());
  record.scope = wanted.scope;
  record.system_managed = wanted.system_managed;
  record.pinned_provider = wanted.pinned_provider;
  record.created_at = record.updated_at = record.value_changed_at = now();
  record.expires_at = wanted.expires_at;
  record.rotate_every_days = wanted.rotate_every_days;
  TRY(claim_names(record));
  const auto sealed = draft_.keys().seal_value(secret, value);
  TRY(store_secret(secret));
  TRY(store_value(record.id, sealed));
  return record;
}

Result<SecretRecord> Changing::import_secret(const SecretRecord& kept,
                                             const Secret& value,
                                             SameId same_id) {
  StoredSecret secret{kept, std::nullopt};
  auto& record = secret.record;
  if (!crypto::is_uuid(record.id.str()) || record.system_managed || record.value_version < 1) {
    return invalid_request("record_invalid", "malformed secret");
  }
  TRY_ASSIGN(const auto taken, rows().secret(record.id.str()));
  if (taken && (same_id == SameId::refused || taken->record.system_managed)) {
    return invalid_request("exists", "secret '" + record.id.str() + "' already exists");
  }
  if (taken) destroyed_ = true;
  TRY_ASSIGN(record.name, check_name(kept.name, Maker::people));
  TRY(check_scope(record.scope));
  TRY(check_days(record.rotate_every_days));
  if (draft_.memory().revisions->count(Table::secrets) >= kMaxSecrets) {
    return invalid_request("record_invalid", "a vault holds at most 1000000 secrets");
  }
  if (record.revoked_at) {
    record.aliases.clear();
    record.attached.clear();
    TRY(remove_bindings_to(record.id));
    TRY(remove_value(record.id));
    TRY(store_secret(secret));
    TRY(store_groups(record));
    return record;
  }
  TRY_ASSIGN(record.aliases, check_aliases(kept.aliases, Maker::people));
  TRY_ASSIGN(record.attached, check_attachments(kept.attached));
  TRY(check_value(value));
  TRY(claim_names(record));
  const auto sealed = draft_.keys().seal_value(secret, value);
  TRY(store_secret(secret));
  TRY(store_groups(record));
  TRY(store_value(record.id, sealed));
  if (record.last_used_at) {
    TRY(Statement(database_,
                  "REPLACE INTO secret_usage (secret_id, last_used_at_ms, uses) VALUES (?1, ?2, 0)",
                  record.id.str(),
                  to_int(*record.last_used_at))
            .run());
  }
  return record;
}

Result<SecretRecord> Changing::attach_group(const SecretId& id, const Attachment& group) {
  TRY(check_attachment(group));
  TRY_ASSIGN(auto secret, live_secret(id));
  auto& record = secret.record;
  if (std::ranges::binary_search(record.attached, group)) return record;
  record.attached.push_back(group);
  TRY_ASSIGN(record.attached, check_attachments(std::move(record.attached)));
  record.updated_at = now();
  TRY(store_secret(secret));
  TRY(store_groups(record));
  return record;
}

Result<SecretRecord> Changing::detach_group(const SecretId& id, const Attachment& group) {
  TRY_ASSIGN(auto secret, live_secret(id));
  auto& record = secret.record;
  if (std::erase(record.attached, group) == 0) return record;
  record.updated_at = now();
  TRY(store_secret(secret));
  TRY(store_groups(record));
  return record;
}

// By what the row says of itself, verified or not: whoever revokes a secret wants it out of use.
Result<void> Changing::remove_bindings_to(const SecretId& id) {
  std::vector<std::string> ids;
  Statement select(database_, "SELECT id FROM bindings WHERE secret_id = ?1", id.str());
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) break;
    ids.emplace_back(select.text(0));
  }
  for (const auto& binding : ids) TRY(remove_checked(Table::bindings, binding));
  return {};
}

Result<SecretRecord> Changing::update_secret(const SecretId& id, const SecretUpdate& update) {
  TRY_ASSIGN(auto secret, live_secret(id));
  auto& record = secret.record;
  const auto maker = maker_of(record.system_managed);
  if (update.name) {
    TRY_ASSIGN(record.name, check_name(*update.name, maker));
  }
  if (update.aliases) {
    TRY_ASSIGN(record.aliases, check_aliases(*update.aliases, maker));
  }
  if (update.expires_at) record.expires_at = *update.expires_at;
  if (update.rotate_every_days) {
    TRY(check_days(*update.rotate_every_days));
    record.rotate_every_days = *update.rotate_every_days;
  }
  TRY(claim_names(record));
  record.updated_at = now();
  if (update.pinned_provider && record.pinned_provider != update.pinned_provider) {
    if (record.pinned_provider) {
      return invalid_request("record_invalid", "pinned to provider " + *record.pinned_provider);
    }
    // The pin is part of what the value is sealed under.
    TRY_ASSIGN(const auto value, rows().open(secret));
    record.pinned_provider = update.pinned_provider;
    TRY(store_value(id, draft_.keys().seal_value(secret, value)));
    destroyed_ = true;
  }
  TRY(store_secret(secret));
  return record;
}

Result<SecretRecord> Changing::rotate_secret(const SecretId& id,
                                             const Secret& value,
                                             std::optional<std::int64_t> expected_version) {
  TRY_ASSIGN(auto secret, live_secret(id));
  auto& record = secret.record;
  TRY(check_value(value));
  if (expected_version && *expected_version != record.value_version) {
    return invalid_request("changed", "the secret has changed meanwhile");
  }
  ++record.value_version;
  record.updated_at = record.value_changed_at = now();
  const auto sealed = draft_.keys().seal_value(secret, value);
  TRY(store_secret(secret));
  TRY(store_value(id, sealed));
  destroyed_ = true;
  return record;
}

Result<SecretRecord> Changing::revoke_secret(const SecretId& id) {
  TRY(remove_bindings_to(id));
  auto looked = rows().secret(id.str());
  if (!looked && looked.error().reason == "row_integrity") {
    // A damaged record is removed altogether: nothing of it can be trusted.
    TRY(draft_.remove_untrusted(Table::secrets, id.str()));
    destroyed_ = true;
    SecretRecord record;
    record.id = id;
    record.revoked_at = now();
    return record;
  }
  TRY_ASSIGN(auto found, std::move(looked));
  if (!found) return not_found();
  auto& record = found->record;
  if (record.revoked_at) return record;
  record.revoked_at = record.updated_at = now();
  record.aliases.clear();
  record.attached.clear();
  found->dek.reset();
  TRY(remove_value(id));
  TRY(store_groups(record));
  TRY(store_secret(*found));
  destroyed_ = true;
  return record;
}

Result<void> Changing::erase_system_secret(const SecretId& id) {
  TRY(remove_bindings_to(id));
  auto looked = rows().secret(id.str());
  if (!looked && looked.error().reason == "row_integrity") {
    destroyed_ = true;
    return draft_.remove_untrusted(Table::secrets, id.str());
  }
  TRY_ASSIGN(const auto found, std::move(looked));
  if (!found) return {};
  if (!found->record.system_managed) {
    return invalid_request("record_invalid", "the secret is not system-managed");
  }
  destroyed_ = true;
  return draft_.remove(Table::secrets, id.str());
}

Result<Secret> Changing::open_internally(const SecretId& id) {
  TRY_ASSIGN(const auto secret, live_secret(id));
  return rows().open(secret);
}

Result<void> Changing::put_checked(const store::Row& row, Table table) {
  TRY(rows().find(table, store::id_of(row)));
  return draft_.put(table, row, nullptr);
}

Result<void> Changing::check_room(Table table,
                                  std::string_view id,
                                  std::size_t limit,
                                  std::string_view what) const {
  if (draft_.rev_of(table, id) || draft_.memory().revisions->count(table) < limit) return {};
  return invalid_request(
      "record_invalid", "a vault holds at most " + std::to_string(limit) + ' ' + std::string(what));
}

Result<void> Changing::put(const CapabilityRow& row) {
  return put_checked(to_row(row), Table::capabilities);
}
Result<void> Changing::put(const PolicyRow& row) {
  return put_checked(to_row(row), Table::policies);
}
Result<void> Changing::put(const BindingRow& row) {
  TRY(check_binding(row));
  TRY(live_secret(row.secret_id));
  TRY(check_room(Table::bindings, row.id(), kMaxBindings, "bindings"));
  return put_checked(to_row(row), Table::bindings);
}
Result<void> Changing::put(const ProviderRow& row) {
  return put_checked(to_row(row), Table::providers);
}
Result<void> Changing::put(const SettingRow& row) {
  return put_checked(to_row(row), Table::settings);
}

Result<void> Changing::put(const AgentRow& row) {
  TRY(check_room(Table::agents, row.id(), kMaxAgents, "agents"));
  return put_checked(to_row(row), Table::agents);
}
Result<void> Changing::put(const TokenRow& row) {
  TRY(check_room(Table::tokens, row.id, kMaxTokens, "tokens"));
  return put_checked(to_row(row), Table::tokens);
}

Result<bool> Changing::remove_checked(Table table, std::string_view id) {
  const auto found = rows().find(table, id);
  if (!found && found.error().reason == "row_integrity") {
    TRY(draft_.remove_untrusted(table, id));
    return true;
  }
  if (!found) return fail(found.error());
  if (!*found) return false;
  TRY(draft_.remove(table, id));
  return true;
}

Result<bool> Changing::remove_credential(std::string_view id) {
  return remove_checked(Table::credentials, id);
}
Result<bool> Changing::remove_capability(std::string_view id) {
  return remove_checked(Table::capabilities, id);
}
Result<bool> Changing::remove_policy(std::string_view id) {
  return remove_checked(Table::policies, id);
}
Result<bool> Changing::remove_binding(std::string_view id) {
  return remove_checked(Table::bindings, id);
}
Result<bool> Changing::remove_provider(std::string_view id) {
  return remove_checked(Table::providers, id);
}
Result<bool> Changing::remove_setting(std::string_view id) {
  return remove_checked(Table::settings, id);
}
Result<bool> Changing::remove_agent(std::string_view id) {
  return remove_checked(Table::agents, id);
}
Result<bool> Changing::remove_token(std::string_view id) {
  return remove_checked(Table::tokens, id);
}

}  // namespace aivault::vault
