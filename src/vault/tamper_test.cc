// What somebody who can write the files, but lacks the key, can do, and how it is noticed.
#include <gtest/gtest.h>

#include "base/reveal.h"
#include "store/database.h"
#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::open_globally;
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;

void execute(const VaultPlace& place, store::Sql sql) {
  auto database = store::Database::open(place.database());
  ASSERT_TRUE(database) << database.error().message;
  const auto off = database->execute("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON");
  ASSERT_TRUE(off);
  const auto done = database->execute(sql);
  ASSERT_TRUE(done) << sql.text() << done.error().message;
}

// Two secrets and a row of every other protected table.
struct Filled {
  VaultPlace place;
  SecretId target, other;

  Filled() {
    const auto vault = place.open();
    auto secret = named("target");
    secret.aliases = {"alias"};
    secret.rotate_every_days = 30;
    target = create(*vault, secret, "target value")->id;
    other = create(*vault, named("other"), "other value")->id;
    const auto stored = change(*vault, [&](Change& c) -> Result<void> {
      for (const char* id : {"acme", "beta"}) {
        CredentialRow credential;
        credential.id = credential.provider = id;
        credential.secret_id = target;
        TRY(c.put(credential));
      }
      TRY(c.put(CapabilityRow{"acme/items", "acme", Origin::operator_made, true, "{}", {}, {}}));
      TRY(c.put(PolicyRow{"acme/items", "{}", {}}));
      TRY(c.put(SettingRow{"registry", "{}", {}}));
      c.record(event_of("credential.create"));
      return {};
    });
    EXPECT_TRUE(stored);
  }
};

TEST(Tamper, OfAnyColumnOfASecretRefusesThatSecretByName) {
  const store::Sql changes[] = {
      "UPDATE secrets SET name = 'renamed' WHERE name = 'target'",
      "UPDATE secrets SET scope = 1, workspace_id = 'W' WHERE name = 'target'",
      "UPDATE secrets SET group_id = 'G' WHERE name = 'target'",
      "UPDATE secrets SET system_managed = 1 WHERE name = 'target'",
      "UPDATE secrets SET pinned_provider = 'evil' WHERE name = 'target'",
      "UPDATE secrets SET value_version = 2 WHERE name = 'target'",
      "UPDATE secrets SET dek_nonce = zeroblob(24) WHERE name = 'target'",
      "UPDATE secrets SET dek_ct = (SELECT dek_ct FROM secrets WHERE name = 'other') "
      "WHERE name = 'target'",
      "UPDATE secrets SET created_at_ms = 1 WHERE name = 'target'",
      "UPDATE secrets SET updated_at_ms = 1 WHERE name = 'target'",
      "UPDATE secrets SET value_changed_at_ms = 1 WHERE name = 'target'",
      "UPDATE secrets SET revoked_at_ms = 1 WHERE name = 'target'",
      "UPDATE secrets SET expires_at_ms = 9999999999999 WHERE name = 'target'",
      "UPDATE secrets SET rotate_every_days = NULL WHERE name = 'target'",
      "UPDATE secret_names SET name = 'alias2' WHERE name = 'alias'",
      "DELETE FROM secret_names WHERE name = 'alias'",
      "DELETE FROM secret_names WHERE name = 'target'",
      "UPDATE secret_names SET secret_id = (SELECT id FROM secrets WHERE name = 'target') "
      "WHERE name = 'other'",
      "INSERT INTO secret_groups SELECT id, 'W', 'G' FROM secrets WHERE name = 'target'",
      "UPDATE secret_values SET ciphertext = (SELECT v.ciphertext FROM secret_values v JOIN "
      "secrets "
      "s ON s.id = v.secret_id WHERE s.name = 'other') WHERE secret_id = (SELECT id FROM secrets "
      "WHERE name = 'target')",
      "UPDATE secret_values SET nonce = zeroblob(24) WHERE secret_id = (SELECT id FROM secrets "
      "WHERE name = 'target')",
      "DELETE FROM secret_values WHERE secret_id = (SELECT id FROM secrets WHERE name = 'target')",
      "DELETE FROM secrets WHERE name = 'target'",
  };
  for (const auto& sql : changes) {
    const Filled filled;
    const auto vault = filled.place.open();
    execute(filled.place, sql);
    for (int i = 0; i < 2; ++i) {
      const auto opened = open_globally(*vault, filled.target);
      ASSERT_FALSE(opened) << sql.text();
      EXPECT_EQ(opened.error().reason, "row_integrity") << sql.text();
      EXPECT_NE(
          opened.error().message.find("row integrity check failed: secrets/" + filled.target.str()),
          std::string::npos)
          << opened.error().message;
    }
    // One change takes the other's name away, which damages both.
    const bool both = sql.text().starts_with("UPDATE secret_names SET secret_id");
    EXPECT_EQ(open_globally(*vault, filled.other).has_value(), !both) << sql.text();
    const auto problems = vault->problems();
    ASSERT_FALSE(problems.empty()) << sql.text();
    EXPECT_EQ(problems[0].kind, "secret");
    EXPECT_EQ(problems[0].id, filled.target.str());
  }
}

TEST(Tamper, OfOtherRowsLeavesThemOutOfTheirList) {
  struct Row {
    store::Sql sql;
    const char *kind, *id;
  };
  const Row rows[] = {
      {"UPDATE credentials SET body = '{\"hosts\":[\"evil.test\"]}' WHERE id = 'acme'",
       "credential",
       "acme"},
      {"UPDATE credentials SET enabled = 0 WHERE id = 'acme'", "credential", "acme"},
      {"UPDATE credentials SET secret_id = NULL WHERE id = 'acme'", "credential", "acme"},
      {"DELETE FROM credentials WHERE id = 'acme'", "credential", "acme"},
      {"INSERT INTO credentials SELECT 'evil', provider, origin, enabled, scope, workspace_id, "
       "group_id, secret_id, params, body, 0, 0 FROM credentials WHERE id = 'acme'",
       "credential",
       "evil"},
      {"UPDATE capabilities SET enabled = 0", "capability", "acme/items"},
      {"DELETE FROM capabilities", "capability", "acme/items"},
      {"UPDATE policies SET body = '{\"x\":1}'", "policy", "acme/items"},
      {"DELETE FROM policies", "policy", "acme/items"},
      {"UPDATE settings SET body = '{\"x\":1}'", "setting", "registry"},
      {"DELETE FROM settings", "setting", "registry"},
  };
  for (const auto& row : rows) {
    const Filled filled;
    const auto vault = filled.place.open();
    execute(filled.place, row.sql);
    std::vector<Problem> damaged;
    std::size_t credentials = 0;
    const auto done = vault->read([&](Reader& r) -> Result<void> {
      TRY_ASSIGN(const auto found, r.credentials(damaged));
      credentials = found.size();
      TRY(r.capabilities(damaged));
      TRY(r.policies(damaged));
      TRY(r.settings(damaged));
      return {};
    });
    ASSERT_TRUE(done) << row.sql.text() << done.error().message;
    ASSERT_EQ(damaged.size(), 1U) << row.sql.text();
    EXPECT_EQ(damaged[0].kind, row.kind);
    EXPECT_EQ(damaged[0].id, row.id);
    EXPECT_GE(credentials, 1U);
    // And it is in the audit.
    vault->flush();
    audit::Filter filter;
    filter.kinds = {"vault.integrity_failed"};
    EXPECT_EQ(read(*vault, [&](Reader& r) { return r.audit(filter); })->size(), 1U);
  }
}

TEST(Tamper, PuttingARowBackIsNoticedByItsRevision) {
  const Filled filled;
  const auto vault = filled.place.open();
  execute(filled.place,
          "CREATE TABLE old AS SELECT s.*, t.rev, t.mac FROM secrets s JOIN row_seals t ON "
          "t.tbl = 'secrets' AND t.id = s.id WHERE s.name = 'target'");
  execute(filled.place, "CREATE TABLE old_value AS SELECT * FROM secret_values");
  ASSERT_TRUE(change(*vault, [&](Change& c) -> Result<void> {
    TRY(c.rotate_secret(filled.target, Secret::copy_of("new value"), std::nullopt));
    c.record(event_of("secret.rotate"));
    return {};
  })) << "the schema is only judged at open";
  execute(filled.place,
          "UPDATE secrets SET (value_version, dek_nonce, dek_ct, updated_at_ms, "
          "value_changed_at_ms) = (SELECT value_version, dek_nonce, dek_ct, updated_at_ms, "
          "value_changed_at_ms FROM old) WHERE name = 'target'");
  execute(filled.place,
          "UPDATE row_seals SET (rev, mac) = (SELECT rev, mac FROM old) WHERE tbl = 'secrets' AND "
          "id = (SELECT id FROM old)");
  execute(filled.place,
          "REPLACE INTO secret_values SELECT * FROM old_value WHERE secret_id = (SELECT id FROM "
          "old)");
  const auto opened = open_globally(*vault, filled.target);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "row_integrity");
  EXPECT_NE(opened.error().message.find("revision"), std::string::npos);
}

TEST(Tamper, OfSealsAndStateDamagesTheVaultAtOpen) {
  const store::Sql changes[] = {
      "DELETE FROM row_seals WHERE tbl = 'policies'",
      "UPDATE row_seals SET rev = rev + 1 WHERE tbl = 'policies'",
      "UPDATE row_seals SET mac = zeroblob(32) WHERE tbl = 'policies'",
      "INSERT INTO row_seals VALUES ('policies', 'new', 1, zeroblob(32))",
      "INSERT INTO row_seals VALUES ('unknown', 'new', 1, zeroblob(32))",
      "UPDATE vault_state SET counter = counter + 1",
      "UPDATE vault_state SET counter = counter - 1",
      "UPDATE vault_state SET objects = objects - 1",
      "UPDATE vault_state SET last_ts_ms = 0",
      "UPDATE vault_state SET digest_ct = zeroblob(48)",
      "UPDATE vault_state SET audit_seq = audit_seq - 1",
      "DELETE FROM vault_state",
      "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
      "UPDATE audit SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM audit)",
      "CREATE TABLE extra (a)",
      "CREATE VIEW extra AS SELECT 1",
      "CREATE TRIGGER extra AFTER INSERT ON audit BEGIN DELETE FROM audit; END",
      "DROP INDEX audit_by_time",
      "PRAGMA application_id=1",
      "DELETE FROM vault",
      "DELETE FROM vault_keys WHERE purpose = 'audit'",
  };
  for (const auto& sql : changes) {
    const Filled filled;
    execute(filled.place, sql);
    const auto opened = Vault::open(filled.place.options());
    ASSERT_FALSE(opened) << sql.text();
    EXPECT_EQ(opened.error().reason, "damaged") << sql.text() << opened.error().message;
    EXPECT_NE(opened.error().message.find("vault damaged"), std::string::npos);
  }
  const store::Sql keys[] = {
      "UPDATE vault SET provider = '{\"type\":\"file\",\"path\":\"/dev/null\"}'",
      "UPDATE vault SET created_at_ms = 1",
      "UPDATE vault_keys SET epoch = 2 WHERE purpose = 'audit'",
      "UPDATE vault_keys SET key_ct = zeroblob(48)",
      "UPDATE vault SET kek_id = zeroblob(32)",
      "UPDATE vault SET check_ct = zeroblob(48)",
  };
  for (const auto& sql : keys) {
    const Filled filled;
    execute(filled.place, sql);
    EXPECT_FALSE(Vault::open(filled.place.options())) << sql.text();
  }
  const Filled newer;
  execute(newer.place, "PRAGMA user_version=2");
  EXPECT_EQ(Vault::open(newer.place.options()).error().reason, "newer_format");
}

TEST(Tamper, OfTheStateUnderARunningVaultIsNoticed) {
  const Filled filled;
  {
    const auto vault = filled.place.open();
    execute(filled.place, "UPDATE vault_state SET counter = counter - 1");
    EXPECT_EQ(open_globally(*vault, filled.other).error().reason, "row_integrity");
    EXPECT_EQ(create(*vault, named("new"), "x").error().reason, "row_integrity");
  }
  const Filled second;
  const auto vault = second.place.open();
  execute(second.place, "UPDATE vault_state SET audit_seq = audit_seq - 1");
  EXPECT_EQ(create(*vault, named("new"), "x").error().reason, "damaged");
  EXPECT_FALSE(vault->status().writable);
}

TEST(Tamper, ARefusedRowCanBeDeleted) {
  const Filled filled;
  {
    const auto vault = filled.place.open();
    execute(filled.place, "UPDATE credentials SET body = '[]' WHERE id = 'acme'");
    execute(filled.place, "UPDATE row_seals SET mac = zeroblob(32) WHERE id = 'acme'");
    execute(filled.place, "UPDATE secrets SET expires_at_ms = 7 WHERE name = 'target'");
    ASSERT_FALSE(read(*vault, [](Reader& r) { return r.credential("acme"); }));
    const auto deleted = change(*vault, [&](Change& c) -> Result<void> {
      TRY_ASSIGN(const bool found, c.remove_credential("acme"));
      EXPECT_TRUE(found);
      TRY_ASSIGN(const auto record, c.revoke_secret(filled.target));
      EXPECT_TRUE(record.revoked_at);
      c.record(event_of("credential.delete"));
      return {};
    });
    ASSERT_TRUE(deleted) << deleted.error().message;
  }
  const auto vault = filled.place.open();
  std::vector<Problem> damaged;
  EXPECT_EQ(read(*vault, [&](Reader& r) { return r.credentials(damaged); })->size(), 1U);
  EXPECT_TRUE(damaged.empty());
  EXPECT_TRUE(open_globally(*vault, filled.other));
  EXPECT_FALSE(*read(*vault, [&](Reader& r) { return r.secret(filled.target); }));
}

// A second row that was put back must not become valid because the first was deleted.
TEST(Tamper, DeletingARefusedRowVouchesForNoOther) {
  const Filled filled;
  const auto vault = filled.place.open();
  execute(filled.place, "UPDATE credentials SET body = '[]' WHERE id = 'acme'");
  execute(filled.place, "UPDATE row_seals SET rev = rev - 1 WHERE id = 'beta'");
  const auto deleted = change(*vault, [&](Change& c) -> Result<void> {
    TRY(c.remove_credential("acme"));
    c.record(event_of("credential.delete"));
    return {};
  });
  ASSERT_FALSE(deleted);
  EXPECT_NE(deleted.error().message.find("credentials/beta"), std::string::npos)
      << deleted.error().message;
}

Vault::Check seals_check(Vault& vault) {
  for (auto& check : vault.examine()) {
    if (check.id == "row-seals") return std::move(check);
  }
  ADD_FAILURE() << "no check of the seals";
  return {};
}

TEST(Tamper, DoctorNamesDamagedAndMissingRows) {
  const Filled filled;
  const auto vault = filled.place.open();
  execute(filled.place, "DELETE FROM secrets WHERE name = 'target'");
  execute(filled.place, "UPDATE policies SET updated_at_ms = 5");
  const auto database = seals_check(*vault);
  EXPECT_EQ(database.state, Vault::Check::State::fail);
  EXPECT_NE(database.detail.find("2 damaged records"), std::string::npos) << database.detail;
  EXPECT_NE(database.detail.find("secrets/" + filled.target.str()), std::string::npos);
  EXPECT_NE(database.detail.find("policies/acme/items"), std::string::npos) << database.detail;
}

TEST(Tamper, DoctorNamesTwentyOfMany) {
  const VaultPlace place;
  const auto vault = place.open();
  for (int i = 0; i < 23; ++i) ASSERT_TRUE(create(*vault, named("S" + std::to_string(i)), "x"));
  execute(place, "UPDATE secrets SET created_at_ms = 1");
  const auto detail = seals_check(*vault).detail;
  EXPECT_TRUE(detail.starts_with("23 damaged records; row integrity check failed: secrets/"))
      << detail;
  EXPECT_TRUE(detail.ends_with("; and 3 more")) << detail;
}

TEST(Tamper, OfASecretIsSeenByWhoListsThem) {
  const Filled filled;
  const auto vault = filled.place.open();
  execute(filled.place, "UPDATE secrets SET name = 'zz' WHERE name = 'target'");
  execute(filled.place, "DELETE FROM secrets WHERE name = 'other'");
  std::vector<Problem> damaged;
  const auto listed =
      read(*vault, [&](Reader& r) { return r.secrets({}, std::nullopt, 10, damaged); });
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->empty());
  ASSERT_EQ(damaged.size(), 2U);
  EXPECT_EQ(damaged[0].id, filled.other.str());
  EXPECT_EQ(damaged[1].id, filled.target.str());
  EXPECT_EQ(damaged[1].kind, "secret");
  EXPECT_EQ(damaged[1].message,
            "row integrity check failed: secrets/" + filled.target.str() + ": name");
  EXPECT_EQ(vault->problems().size(), 2U);
}

TEST(AuditVerify, FindsChangedRemovedAndReorderedRows) {
  struct Row {
    store::Sql sql;
    std::int64_t first_bad;
  };
  const Row rows[] = {
      {"UPDATE audit SET body = '{}' WHERE seq = 5", 5},
      {"UPDATE audit SET ts_ms = ts_ms + 1 WHERE seq = 5", 5},
      {"UPDATE audit SET kind = 'x' WHERE seq = 5", 5},
      {"UPDATE audit SET subject = 'secrets/x' WHERE seq = 5", 5},
      {"UPDATE audit SET epoch = 9 WHERE seq = 5", 5},
      {"UPDATE audit SET rev = 9 WHERE seq = 5", 5},
      {"UPDATE audit SET objects = '[]' WHERE seq = 5", 5},
      {"DELETE FROM audit WHERE seq = 5", 5},
      {"DELETE FROM audit WHERE seq = 1", 1},
      {"UPDATE audit SET body = (SELECT body FROM audit WHERE seq = 2) WHERE seq = 3", 3},
      {"UPDATE audit SET seq = 100 WHERE seq = 5; UPDATE audit SET seq = 5 WHERE seq = 6; UPDATE "
       "audit SET seq = 6 WHERE seq = 100",
       5},
      {"DELETE FROM audit WHERE seq > 8", 9},
      {"INSERT INTO audit SELECT seq + 10, ts_ms, kind, epoch, rev, objects, subject, body, hash "
       "FROM audit WHERE seq = 1",
       11},
  };
  for (const auto& row : rows) {
    const VaultPlace place;
    const auto vault = place.open();
    for (int i = 2; i <= 10; ++i) {
      auto event = event_of("capability.invoke");
      event.count = i;
      vault->record(std::move(event), nullptr);
    }
    ASSERT_TRUE(vault->verify_audit(std::nullopt)->ok);
    execute(place, row.sql);
    const auto verified = vault->verify_audit(std::nullopt);
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_FALSE(verified->ok) << row.sql.text();
    EXPECT_EQ(verified->first_bad_seq, row.first_bad) << row.sql.text();
  }
}

TEST(AuditVerify, KnowsAHeadThatWasKeptElsewhere) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto first = *vault->verify_audit(std::nullopt);
  const audit::Head kept{first.head_seq, first.head_hash};
  ASSERT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  EXPECT_TRUE(vault->verify_audit(kept)->ok);
  EXPECT_FALSE(vault->verify_audit(audit::Head{kept.seq, std::string(64, 'a')})->ok);
  EXPECT_FALSE(vault->verify_audit(audit::Head{99, kept.hash})->ok);
}

}  // namespace
}  // namespace aivault::vault
