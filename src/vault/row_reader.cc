#include "vault/row_reader.h"

#include <algorithm>
#include <set>

#include "store/seals.h"
#include "store/statement.h"

namespace aivault::vault {
namespace {

using store::Statement;
using store::Table;

Problem problem_of(Table table, std::string_view id, const std::string& what) {
  const auto row = std::string(store::name_of(table)) + "/" + std::string(id);
  return {std::string(noun_of(table)),
          std::string(id),
          "row integrity check failed: " + row + ": " + what};
}

}  // namespace

tl::unexpected<Error> RowReader::refuse(Table table, std::string_view id, const std::string& what) {
  const auto problem = problem_of(table, id, what);
  judge_.report(problem);
  return vault_unavailable("row_integrity", problem.message);
}

Result<void> RowReader::verify(Table table,
                               std::string_view id,
                               const store::Row& row,
                               const SecretRecord* lists) {
  if (!judge_.can_judge()) return {};
  const auto expected = judge_.rev_of(table, id);
  if (!expected) return refuse(table, id, "unknown row");
  TRY_ASSIGN(const auto seal, store::find_seal(database_, table, id));
  if (!seal) return refuse(table, id, "its seal is missing");
  if (seal->rev != *expected) return refuse(table, id, "revision");
  const auto mac = judge_.keys().row_mac(table, seal->rev, row, lists);
  if (!crypto::equal(crypto::view(mac), seal->mac)) return refuse(table, id, "MAC");
  return {};
}

Result<std::optional<store::Row>> RowReader::find(Table table, std::string_view id) {
  TRY_ASSIGN(auto row, store::find_row(database_, table, id));
  if (row) {
    TRY(verify(table, id, *row, nullptr));
  } else if (judge_.rev_of(table, id)) {
    return refuse(table, id, "the row is missing");
  }
  return row;
}

Result<std::vector<store::Row>> RowReader::all(Table table, std::vector<Problem>& damaged) {
  std::vector<store::Row> rows;
  std::set<std::string, std::less<>> seen;
  TRY(store::scan_rows(database_, table, [&](const store::Row& row) -> Result<void> {
    const auto id = store::id_of(row);
    seen.insert(id);
    if (auto verified = verify(table, id, row, nullptr)) {
      rows.push_back(row);
    } else if (verified.error().reason == "row_integrity") {
      damaged.push_back({std::string(noun_of(table)), id, std::move(verified).error().message});
    } else {
      return verified;
    }
    return {};
  }));
  for (const auto& id : judge_.ids(table)) {
    if (seen.contains(id)) continue;
    damaged.push_back(problem_of(table, id, "the row is missing"));
    judge_.report(damaged.back());
  }
  return rows;
}

Result<void> RowReader::load_names(SecretRecord& record) {
  Statement names(database_,
                  "SELECT name, is_alias, scope, workspace_id, group_id FROM secret_names WHERE "
                  "secret_id = ?1",
                  record.id.str());
  std::size_t own_names = 0;
  while (true) {
    TRY_ASSIGN(const bool found, names.step());
    if (!found) break;
    const Scope scope{static_cast<Scope::Kind>(names.integer(2)),
                      std::string(names.text(3)),
                      std::string(names.text(4))};
    if (scope != record.scope) return refuse(Table::secrets, record.id.str(), "scope of a name");
    if (names.integer(1) != 0) {
      record.aliases.emplace_back(names.text(0));
    } else if (names.text(0) == record.name) {
      ++own_names;
    } else {
      return refuse(Table::secrets, record.id.str(), "name");
    }
  }
  if (own_names != (record.revoked_at ? 0U : 1U)) {
    return refuse(Table::secrets, record.id.str(), "name");
  }
  std::ranges::sort(record.aliases);
  return {};
}

Result<void> RowReader::load_groups(SecretRecord& record) {
  Statement groups(database_,
                   "SELECT workspace_id, group_id FROM secret_groups WHERE secret_id = ?1",
                   record.id.str());
  while (true) {
    TRY_ASSIGN(const bool found, groups.step());
    if (!found) break;
    record.attached.push_back({std::string(groups.text(0)), std::string(groups.text(1))});
  }
  std::ranges::sort(record.attached);
  return {};
}

Result<void> RowReader::load_usage(SecretRecord& record) {
  Statement usage(
      database_, "SELECT last_used_at_ms FROM secret_usage WHERE secret_id = ?1", record.id.str());
  TRY(store::first_row(
      usage, [&](const Statement& row) { record.last_used_at = from_int(row.integer(0)); }));
  return {};
}

Result<StoredSecret> RowReader::complete_secret(const store::Row& row) {
  auto secret = secret_from(row);
  auto& record = secret.record;
  TRY(load_names(record));
  TRY(load_groups(record));
  TRY(verify(Table::secrets, record.id.str(), row, &record));
  TRY(load_usage(record));
  return secret;
}

Result<std::optional<StoredSecret>> RowReader::secret(std::string_view id) {
  TRY_ASSIGN(const auto row, store::find_row(database_, Table::secrets, id));
  if (!row) {
    if (judge_.rev_of(Table::secrets, id)) {
      return refuse(Table::secrets, id, "the row is missing");
    }
    return std::optional<StoredSecret>();
  }
  TRY_ASSIGN(auto secret, complete_secret(*row));
  return std::optional(std::move(secret));
}

Result<std::optional<StoredSecret>> RowReader::secret_by_name(const Scope& scope,
                                                              std::string_view name) {
  std::string id;
  Statement find(database_,
                 "SELECT secret_id FROM secret_names WHERE scope = ?1 AND workspace_id = ?2 AND "
                 "group_id = ?3 AND name = ?4",
                 static_cast<std::int64_t>(scope.kind),
                 scope.workspace,
                 scope.group,
                 name);
  TRY_ASSIGN(const bool found,
             store::first_row(find, [&](const Statement& row) { id = row.text(0); }));
  if (!found) return std::optional<StoredSecret>();
  TRY_ASSIGN(auto stored, secret(id));
  if (!stored) return refuse(Table::secrets, id, "the row is missing");
  return stored;
}

Result<std::vector<SecretRecord>> RowReader::secrets(const SecretFilter& filter,
                                                     const std::optional<Reader::After>& after,
                                                     std::size_t limit,
                                                     std::vector<Problem>& damaged) {
  if (!after) TRY(find_missing_secrets(damaged));
  std::vector<SecretRecord> records;
  const auto kind =
      filter.kind ? std::optional(static_cast<std::int64_t>(*filter.kind)) : std::nullopt;
  Statement select(database_,
                   "SELECT * FROM secrets WHERE (name, id) > (?1, ?2) AND (?3 IS NULL OR scope = "
                   "?3) AND (?4 IS NULL OR workspace_id = ?4) AND (?5 IS NULL OR group_id = ?5) "
                   "ORDER BY name, id",
                   after ? after->name : "",
                   after ? after->id : "",
                   kind,
                   filter.workspace,
                   filter.group);
  while (records.size() < limit) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) break;
    const auto row = select.row();
    auto secret = complete_secret(row);
    if (secret) {
      records.push_back(std::move(secret->record));
    } else if (secret.error().reason == "row_integrity") {
      damaged.push_back({std::string(noun_of(Table::secrets)),
                         store::id_of(row),
                         std::move(secret).error().message});
    } else {
      return fail(std::move(secret).error());
    }
  }
  return records;
}

Result<DueSecrets> RowReader::due_secrets(UnixMs now,
                                          std::chrono::milliseconds notice,
                                          std::size_t limit,
                                          std::vector<Problem>& damaged) {
  DueSecrets due;
  TRY_ASSIGN(const auto state, store::load_state(database_));
  due.at = std::max(now, from_int(state.last_ts_ms));
  // At most one more than `limit`, in each row the id alone.
  const auto most = static_cast<std::int64_t>(limit) + 1;
  std::vector<std::string> ids;
  const auto take = [&](Statement& select) -> Result<void> {
    while (true) {
      TRY_ASSIGN(const bool found, select.step());
      if (!found) return {};
      const auto id = select.text(0);
      if (std::ranges::find(ids, id) == ids.end()) ids.emplace_back(id);
    }
  };
  Statement expiring(database_,
                     "SELECT id FROM secrets WHERE expires_at_ms <= ?1 AND revoked_at_ms IS NULL "
                     "AND system_managed = 0 ORDER BY expires_at_ms, id LIMIT ?2",
                     to_int(due.at + notice),
                     most);
  TRY(take(expiring));
  Statement overdue(database_,
                    "SELECT id FROM secrets WHERE rotate_every_days IS NOT NULL AND revoked_at_ms "
                    "IS NULL AND value_changed_at_ms + rotate_every_days * 86400000 <= ?1 ORDER BY "
                    "name, id LIMIT ?2",
                    to_int(due.at),
                    most);
  TRY(take(overdue));
  due.more = ids.size() > limit;
  if (due.more) ids.resize(limit);
  for (const auto& id : ids) {
    auto found = secret(id);
    if (found && *found) {
      due.secrets.push_back(std::move((*found)->record));
    } else if (!found && found.error().reason == "row_integrity") {
      damaged.push_back(
          {std::string(noun_of(Table::secrets)), id, std::move(found).error().message});
    } else if (!found) {
      return fail(std::move(found).error());
    }
  }
  return due;
}

// Of a row that is not verified: one that can be calculated with.
static UnixMs time_in(const Statement& row, int column) {
  return from_int(std::clamp<std::int64_t>(row.integer(column), 0, std::int64_t{1} << 53U));
}

Result<SecretCounts> RowReader::count_secrets(UnixMs now, std::chrono::milliseconds notice) {
  TRY_ASSIGN(const auto state, store::load_state(database_));
  const auto at = std::max(now, from_int(state.last_ts_ms));
  SecretCounts counts;
  const auto changes_at = [&counts](UnixMs when) {
    counts.until = std::min(when, counts.until.value_or(when));
  };
  Statement select(database_,
                   "SELECT scope, system_managed, expires_at_ms, value_changed_at_ms + "
                   "rotate_every_days * 86400000 FROM secrets WHERE revoked_at_ms IS NULL");
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) return counts;
    switch (select.integer(0)) {
      case 0: ++counts.global; break;
      case 1: ++counts.workspace; break;
      default: ++counts.group; break;
    }
    if (select.integer(1) != 0) continue;
    const bool expires = !select.is_null(2);
    const bool rotates = !select.is_null(3);
    const auto end = time_in(select, 2);
    const auto rotation = time_in(select, 3);
    if (expires && end <= at) {
      ++counts.expired;
    } else if (expires && end <= at + notice) {
      ++counts.expiring;
      changes_at(end);
    } else {
      if (expires) changes_at(end - notice);
      if (rotates && rotation <= at) ++counts.to_rotate;
      if (rotates && rotation > at) changes_at(rotation);
    }
  }
}

// Counting is cheap where looking for each row is not.
Result<bool> RowReader::has_every_row() {
  TRY_ASSIGN(const auto state, store::load_state(database_));
  Statement count(database_,
                  "SELECT (SELECT count(*) FROM vault) + (SELECT count(*) FROM vault_keys) + "
                  "(SELECT count(*) FROM secrets) + (SELECT count(*) FROM credentials) + "
                  "(SELECT count(*) FROM capabilities) + (SELECT count(*) FROM policies) + "
                  "(SELECT count(*) FROM bindings) + (SELECT count(*) FROM providers) + "
                  "(SELECT count(*) FROM agents) + (SELECT count(*) FROM tokens) + "
                  "(SELECT count(*) FROM approvals) + (SELECT count(*) FROM settings) + "
                  "(SELECT count(*) FROM audit_segments)");
  std::int64_t rows = 0;
  TRY(store::first_row(count, [&](const Statement& row) { rows = row.integer(0); }));
  return rows == state.objects;
}

Result<void> RowReader::find_missing_secrets(std::vector<Problem>& damaged) {
  TRY_ASSIGN(const bool complete, has_every_row());
  if (complete) return {};
  Statement missing(database_,
                    "SELECT id FROM row_seals WHERE tbl = ?1 AND id NOT IN (SELECT id FROM "
                    "secrets) ORDER BY id",
                    store::name_of(Table::secrets));
  while (true) {
    TRY_ASSIGN(const bool found, missing.step());
    if (!found) return {};
    damaged.push_back(problem_of(Table::secrets, missing.text(0), "the row is missing"));
    judge_.report(damaged.back());
  }
}

Result<crypto::Sealed> RowReader::sealed_value(const StoredSecret& secret) {
  const auto& id = secret.record.id.str();
  crypto::Sealed sealed;
  Statement find(database_, "SELECT nonce, ciphertext FROM secret_values WHERE secret_id = ?1", id);
  TRY_ASSIGN(const bool found, store::first_row(find, [&](const Statement& row) {
               sealed = {std::string(row.blob(0)), std::string(row.blob(1))};
             }));
  if (!found) return refuse(Table::secrets, id, "its value is missing");
  return sealed;
}

Result<Secret> RowReader::open(const StoredSecret& secret, const crypto::Sealed& value) {
  auto opened = judge_.keys().open_value(secret, value);
  if (!opened) return refuse(Table::secrets, secret.record.id.str(), "value");
  return std::move(*opened);
}

Result<Secret> RowReader::open(const StoredSecret& secret) {
  TRY_ASSIGN(const auto value, sealed_value(secret));
  return open(secret, value);
}

Result<std::vector<CredentialRow>> RowReader::credentials_of_secret(std::string_view secret_id) {
  return selected(
      Table::credentials,
      Statement(database_, "SELECT * FROM credentials WHERE secret_id = ?1 ORDER BY id", secret_id),
      credential_from);
}

Result<std::vector<BindingRow>> RowReader::bindings_of_secret(std::string_view secret_id) {
  return selected(
      Table::bindings,
      Statement(database_, "SELECT * FROM bindings WHERE secret_id = ?1 ORDER BY id", secret_id),
      binding_from);
}

template <typename Record>
Result<std::vector<Record>> RowReader::selected(Table table,
                                                Statement select,
                                                Record (*decode)(const store::Row&)) {
  std::vector<Record> records;
  while (true) {
    TRY_ASSIGN(const bool found, select.step());
    if (!found) return records;
    const auto row = select.row();
    TRY(verify(table, store::id_of(row), row, nullptr));
    records.push_back(decode(row));
  }
}

}  // namespace aivault::vault
