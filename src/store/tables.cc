#include "store/tables.h"

#include <algorithm>
#include <string>

#include "store/statement.h"

namespace aivault::store {
namespace {

struct Statements {
  std::string_view name;
  Sql find, scan, put, remove;
};

const Statements& statements_of(Table table) {
  static constexpr std::array<Statements, kTables.size()> kStatements{{
      {"vault",
       "SELECT * FROM vault WHERE id = CAST(?1 AS INTEGER)",
       "SELECT * FROM vault ORDER BY id",
       "REPLACE INTO vault VALUES (?,?,?,?,?,?,?,?,?,?)",
       "DELETE FROM vault WHERE id = CAST(?1 AS INTEGER)"},
      {"vault_keys",
       "SELECT * FROM vault_keys WHERE id = ?1",
       "SELECT * FROM vault_keys ORDER BY id",
       "REPLACE INTO vault_keys VALUES (?,?,?,?,?,?)",
       "DELETE FROM vault_keys WHERE id = ?1"},
      // REPLACE would delete the row first, and with it the value and the names.
      {"secrets",
       "SELECT * FROM secrets WHERE id = ?1",
       "SELECT * FROM secrets ORDER BY id",
       "INSERT INTO secrets VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE "
       "SET "
       "name = excluded.name, scope = excluded.scope, workspace_id = excluded.workspace_id, "
       "group_id = excluded.group_id, created_at_ms = excluded.created_at_ms, "
       "system_managed = excluded.system_managed, "
       "pinned_provider = excluded.pinned_provider, value_version = excluded.value_version, "
       "dek_nonce = excluded.dek_nonce, dek_ct = excluded.dek_ct, "
       "updated_at_ms = excluded.updated_at_ms, value_changed_at_ms = "
       "excluded.value_changed_at_ms, "
       "revoked_at_ms = excluded.revoked_at_ms, expires_at_ms = excluded.expires_at_ms, "
       "rotate_every_days = excluded.rotate_every_days",
       "DELETE FROM secrets WHERE id = ?1"},
      {"credentials",
       "SELECT * FROM credentials WHERE id = ?1",
       "SELECT * FROM credentials ORDER BY id",
       "REPLACE INTO credentials VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
       "DELETE FROM credentials WHERE id = ?1"},
      {"capabilities",
       "SELECT * FROM capabilities WHERE id = ?1",
       "SELECT * FROM capabilities ORDER BY id",
       "REPLACE INTO capabilities VALUES (?,?,?,?,?,?,?)",
       "DELETE FROM capabilities WHERE id = ?1"},
      {"policies",
       "SELECT * FROM policies WHERE id = ?1",
       "SELECT * FROM policies ORDER BY id",
       "REPLACE INTO policies VALUES (?,?,?)",
       "DELETE FROM policies WHERE id = ?1"},
      {"bindings",
       "SELECT * FROM bindings WHERE id = ?1",
       "SELECT * FROM bindings ORDER BY id",
       "REPLACE INTO bindings VALUES (?,?,?,?,?,?,?,?)",
       "DELETE FROM bindings WHERE id = ?1"},
      {"providers",
       "SELECT * FROM providers WHERE id = ?1",
       "SELECT * FROM providers ORDER BY id",
       "REPLACE INTO providers VALUES (?,?,?,?,?)",
       "DELETE FROM providers WHERE id = ?1"},
      // REPLACE would delete an agent first, under its tokens.
      {"agents",
       "SELECT * FROM agents WHERE id = ?1",
       "SELECT * FROM agents ORDER BY id",
       "INSERT INTO agents VALUES (?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET "
       "name = excluded.name, body = excluded.body, expires_at_ms = excluded.expires_at_ms, "
       "created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms",
       "DELETE FROM agents WHERE id = ?1"},
      {"tokens",
       "SELECT * FROM tokens WHERE id = ?1",
       "SELECT * FROM tokens ORDER BY id",
       "REPLACE INTO tokens VALUES (?,?,?,?,?,?,?)",
       "DELETE FROM tokens WHERE id = ?1"},
      {"approvals",
       "SELECT * FROM approvals WHERE id = ?1",
       "SELECT * FROM approvals ORDER BY id",
       "REPLACE INTO approvals VALUES (?,?,?,?,?,?,?)",
       "DELETE FROM approvals WHERE id = ?1"},
      {"settings",
       "SELECT * FROM settings WHERE id = ?1",
       "SELECT * FROM settings ORDER BY id",
       "REPLACE INTO settings VALUES (?,?,?)",
       "DELETE FROM settings WHERE id = ?1"},
      {"audit_segments",
       "SELECT * FROM audit_segments WHERE id = ?1",
       "SELECT * FROM audit_segments ORDER BY id",
       "REPLACE INTO audit_segments VALUES (?,?,?,?,?,?,?,?,?,?,?)",
       "DELETE FROM audit_segments WHERE id = ?1"},
  }};
  return kStatements[static_cast<std::size_t>(table)];
}

}  // namespace

std::string_view name_of(Table table) { return statements_of(table).name; }

std::optional<Table> table_named(std::string_view name) {
  const auto* found = std::ranges::find(kTables, name, name_of);
  return found == kTables.end() ? std::nullopt : std::optional(*found);
}

std::string id_of(const Row& row) {
  if (const auto id = optional_integer_of(row.front())) return std::to_string(*id);
  return text_of(row.front());
}

Result<std::optional<Row>> find_row(Database& database, Table table, std::string_view id) {
  Statement find(database, statements_of(table).find, id);
  TRY_ASSIGN(const bool found, find.step());
  return found ? std::optional(find.row()) : std::nullopt;
}

Result<void> scan_rows(Database& database,
                       Table table,
                       const std::function<Result<void>(const Row&)>& take) {
  Statement scan(database, statements_of(table).scan);
  while (true) {
    TRY_ASSIGN(const bool found, scan.step());
    if (!found) return {};
    TRY(take(scan.row()));
  }
}

Result<void> put_row(Database& database, Table table, const Row& row) {
  Statement put(database, statements_of(table).put);
  put.bind_all(row);
  return put.run();
}

Result<void> remove_row(Database& database, Table table, std::string_view id) {
  return Statement(database, statements_of(table).remove, id).run();
}

}  // namespace aivault::store
