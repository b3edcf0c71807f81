#include "store/schema.h"

#include <array>
#include <set>
#include <string>

#include "store/statement.h"

namespace aivault::store {
namespace {

// SQLite keeps these texts as they are; a vault whose texts differ by one byte is refused.
// clang-format off
constexpr std::array<Sql, 32> kSchema{{
    R"sql(CREATE TABLE vault (id INTEGER PRIMARY KEY CHECK (id = 1), vault_id TEXT NOT NULL, created_at_ms INTEGER NOT NULL, kek_id BLOB NOT NULL CHECK (length(kek_id) = 32), previous_kek_id BLOB,
  check_nonce BLOB NOT NULL CHECK (length(check_nonce) = 24), check_ct BLOB NOT NULL CHECK (length(check_ct) = 48), provider TEXT NOT NULL CHECK (json_valid(provider)), retire TEXT,
  registry_digest BLOB) STRICT)sql",
    R"sql(CREATE TABLE vault_state (id INTEGER PRIMARY KEY CHECK (id = 1), counter INTEGER NOT NULL, objects INTEGER NOT NULL, audit_seq INTEGER NOT NULL,
  audit_head BLOB NOT NULL CHECK (length(audit_head) = 32), last_ts_ms INTEGER NOT NULL, digest_nonce BLOB NOT NULL CHECK (length(digest_nonce) = 24),
  digest_ct BLOB NOT NULL CHECK (length(digest_ct) = 48)) STRICT)sql",
    R"sql(CREATE TABLE row_seals (tbl TEXT NOT NULL, id TEXT NOT NULL, rev INTEGER NOT NULL, mac BLOB NOT NULL CHECK (length(mac) = 32), PRIMARY KEY (tbl, id)) STRICT, WITHOUT ROWID)sql",
    R"sql(CREATE TABLE vault_keys (id TEXT PRIMARY KEY, purpose TEXT NOT NULL CHECK (purpose IN ('audit', 'token')), epoch INTEGER NOT NULL, key_nonce BLOB NOT NULL CHECK (length(key_nonce) = 24),
  key_ct BLOB NOT NULL CHECK (length(key_ct) = 48), created_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE secrets (id TEXT PRIMARY KEY CHECK (length(id) = 36), name TEXT NOT NULL, scope INTEGER NOT NULL CHECK (scope IN (0, 1, 2)), workspace_id TEXT NOT NULL DEFAULT '',
  group_id TEXT NOT NULL DEFAULT '', system_managed INTEGER NOT NULL DEFAULT 0 CHECK (system_managed IN (0, 1)), pinned_provider TEXT, value_version INTEGER NOT NULL CHECK (value_version >= 1),
  dek_nonce BLOB CHECK (length(dek_nonce) = 24), dek_ct BLOB CHECK (length(dek_ct) = 48), created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL, value_changed_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER, expires_at_ms INTEGER, rotate_every_days INTEGER CHECK (rotate_every_days > 0), CHECK ((scope >= 1) = (workspace_id <> '')), CHECK ((scope = 2) = (group_id <> '')),
  CHECK ((revoked_at_ms IS NULL) = (dek_ct IS NOT NULL)), CHECK ((dek_nonce IS NULL) = (dek_ct IS NULL))) STRICT)sql",
    R"sql(CREATE INDEX secrets_by_name ON secrets (name, id))sql",
    R"sql(CREATE INDEX secrets_by_expiry ON secrets (expires_at_ms) WHERE expires_at_ms IS NOT NULL)sql",
    R"sql(CREATE TABLE secret_names (scope INTEGER NOT NULL, workspace_id TEXT NOT NULL, group_id TEXT NOT NULL, name TEXT NOT NULL, secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
  is_alias INTEGER NOT NULL CHECK (is_alias IN (0, 1)), PRIMARY KEY (scope, workspace_id, group_id, name)) STRICT, WITHOUT ROWID)sql",
    R"sql(CREATE INDEX secret_names_by_secret ON secret_names (secret_id))sql",
    R"sql(CREATE TABLE secret_groups (secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE, workspace_id TEXT NOT NULL, group_id TEXT NOT NULL,
  PRIMARY KEY (secret_id, workspace_id, group_id)) STRICT, WITHOUT ROWID)sql",
    R"sql(CREATE TABLE secret_values (secret_id TEXT PRIMARY KEY REFERENCES secrets (id) ON DELETE CASCADE, nonce BLOB NOT NULL CHECK (length(nonce) = 24),
  ciphertext BLOB NOT NULL CHECK (length(ciphertext) BETWEEN 17 AND 1048592)) STRICT)sql",
    R"sql(CREATE TABLE secret_usage (secret_id TEXT PRIMARY KEY REFERENCES secrets (id) ON DELETE CASCADE, last_used_at_ms INTEGER NOT NULL, uses INTEGER NOT NULL) STRICT, WITHOUT ROWID)sql",
    R"sql(CREATE TABLE credentials (id TEXT PRIMARY KEY, provider TEXT NOT NULL, origin INTEGER NOT NULL CHECK (origin IN (0, 1)), enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  scope INTEGER NOT NULL CHECK (scope IN (0, 1, 2)), workspace_id TEXT NOT NULL DEFAULT '', group_id TEXT NOT NULL DEFAULT '', secret_id TEXT, params TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
  body TEXT NOT NULL CHECK (json_valid(body)), created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE INDEX credentials_by_secret ON credentials (secret_id))sql",
    R"sql(CREATE INDEX credentials_by_provider ON credentials (provider, scope, workspace_id, group_id))sql",
    R"sql(CREATE TABLE capabilities (id TEXT PRIMARY KEY, provider TEXT NOT NULL, origin INTEGER NOT NULL CHECK (origin IN (0, 1)), enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  body TEXT NOT NULL CHECK (json_valid(body)), created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE policies (id TEXT PRIMARY KEY, body TEXT NOT NULL CHECK (json_valid(body)), updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE bindings (id TEXT PRIMARY KEY, capability TEXT NOT NULL, scope INTEGER NOT NULL CHECK (scope IN (0, 1, 2)), workspace_id TEXT NOT NULL DEFAULT '', group_id TEXT NOT NULL DEFAULT '',
  consumer TEXT NOT NULL DEFAULT '', secret_id TEXT NOT NULL REFERENCES secrets (id), updated_at_ms INTEGER NOT NULL, UNIQUE (capability, scope, workspace_id, group_id, consumer)) STRICT)sql",
    R"sql(CREATE INDEX bindings_by_secret ON bindings (secret_id))sql",
    R"sql(CREATE TABLE providers (id TEXT PRIMARY KEY, kind INTEGER NOT NULL CHECK (kind IN (0, 1)), enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)), body TEXT NOT NULL CHECK (json_valid(body)),
  updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL CHECK (json_valid(body)), expires_at_ms INTEGER, created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE tokens (id TEXT PRIMARY KEY, hash BLOB UNIQUE CHECK (length(hash) = 32), agent_id TEXT REFERENCES agents (id), body TEXT NOT NULL CHECK (json_valid(body)), created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL, revoked_at_ms INTEGER) STRICT)sql",
    R"sql(CREATE INDEX tokens_by_expiry ON tokens (expires_at_ms))sql",
    R"sql(CREATE TABLE approvals (id TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled')), capability TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)), created_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, decided_at_ms INTEGER) STRICT)sql",
    R"sql(CREATE INDEX approvals_pending ON approvals (expires_at_ms) WHERE state = 'pending')sql",
    R"sql(CREATE TABLE settings (id TEXT PRIMARY KEY, body TEXT NOT NULL CHECK (json_valid(body)), updated_at_ms INTEGER NOT NULL) STRICT)sql",
    R"sql(CREATE TABLE rate_buckets (id TEXT NOT NULL, second INTEGER NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (id, second)) STRICT, WITHOUT ROWID)sql",
    R"sql(CREATE TABLE audit (seq INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, kind TEXT NOT NULL, epoch INTEGER NOT NULL, rev INTEGER, objects TEXT, subject TEXT, body TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT)sql",
    R"sql(CREATE INDEX audit_by_time ON audit (ts_ms))sql",
    R"sql(CREATE INDEX audit_by_subject ON audit (subject, seq) WHERE subject IS NOT NULL)sql",
    R"sql(CREATE TABLE audit_segments (id TEXT PRIMARY KEY, first_seq INTEGER NOT NULL UNIQUE, last_seq INTEGER NOT NULL, row_count INTEGER NOT NULL, first_ts_ms INTEGER NOT NULL, last_ts_ms INTEGER NOT NULL,
  prev_hash BLOB NOT NULL, last_hash BLOB NOT NULL, state TEXT NOT NULL CHECK (state IN ('sealed', 'archived')), file TEXT, file_hash BLOB) STRICT)sql",
    R"sql(CREATE TABLE audit_pending (id INTEGER PRIMARY KEY, ts_ms INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, repeats INTEGER NOT NULL DEFAULT 1) STRICT)sql",
}};
// clang-format on

}  // namespace

Result<void> create_schema(Database& database) {
  for (const auto statement : kSchema) TRY(database.execute(statement));
  TRY(database.execute("PRAGMA application_id=1095325268; PRAGMA user_version=1"));
  return {};
}

Result<void> check_schema(Database& database) {
  static_assert(kApplicationId == 1095325268 && kSchemaVersion == 1);
  const auto damaged = [](std::string what) {
    return vault_unavailable("damaged", "vault damaged: " + std::move(what));
  };
  std::int64_t application = 0;
  std::int64_t version = 0;
  Statement first(database, "PRAGMA application_id");
  TRY(first_row(first, [&](const Statement& row) { application = row.integer(0); }));
  Statement second(database, "PRAGMA user_version");
  TRY(first_row(second, [&](const Statement& row) { version = row.integer(0); }));
  if (application != kApplicationId) return damaged("vault.db is not a database of aivault");
  if (version > kSchemaVersion) {
    return vault_unavailable(
        "newer_format", "vault format " + std::to_string(version) + " is newer than this program");
  }
  if (version != kSchemaVersion) return damaged("unknown schema version");

  std::set<std::string_view> expected;
  for (const auto statement : kSchema) expected.insert(statement.text());
  // Indexes that SQLite makes by itself have no text; the text of their table implies them.
  Statement all(database, "SELECT sql, name FROM sqlite_schema WHERE sql IS NOT NULL");
  while (true) {
    TRY_ASSIGN(const bool found, all.step());
    if (!found) break;
    if (expected.erase(all.text(0)) == 0) return damaged("the schema has been altered");
  }
  if (!expected.empty()) return damaged("the schema is incomplete");
  return {};
}

}  // namespace aivault::store
