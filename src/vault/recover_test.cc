// What `recover` keeps and drops of vaults that somebody has edited without the key.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/database.h"
#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

namespace fs = std::filesystem;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;

void edit(const VaultPlace& place, store::Sql sql) {
  auto database = store::Database::open(place.database());
  ASSERT_TRUE(database) << database.error().message;
  ASSERT_TRUE(database->execute("PRAGMA foreign_keys=OFF"));
  const auto done = database->execute(sql);
  ASSERT_TRUE(done) << done.error().message;
}

struct Edited {
  VaultPlace place;
  SecretId kept, gone;

  Edited() {
    const auto vault = place.open();
    kept = create(*vault, named("KEPT"), "kept value")->id;
    gone = create(*vault, named("GONE"), "gone value")->id;
    const auto stored = change(*vault, [&](Change& c) -> Result<void> {
      for (const auto& [id, secret] : {std::pair{"of-kept", kept}, std::pair{"of-gone", gone}}) {
        CredentialRow credential;
        credential.id = credential.provider = id;
        credential.secret_id = secret;
        TRY(c.put(credential));
        BindingRow binding;
        binding.capability = std::string(id) + "/read";
        binding.secret_id = secret;
        TRY(c.put(binding));
      }
      TRY(c.put(PolicyRow{"of-kept/read", "{}", {}}));
      TRY(c.put(SettingRow{"registry", "{}", {}}));
      c.record(event_of("credential.create"));
      return {};
    });
    EXPECT_TRUE(stored) << stored.error().message;
  }
  Result<Recovery> recover(Acceptance acceptance) const {
    return Vault::recover(place.options(), nullptr, acceptance, event_of("vault.rollback"));
  }
  std::vector<std::string> copies() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(place.root())) {
      const auto name = entry.path().filename().string();
      if (name.starts_with("vault.db.before-recover-")) names.push_back(name);
    }
    return names;
  }
  void expect_consistent() const {
    auto vault = Vault::open(place.options());
    ASSERT_TRUE(vault) << vault.error().message;
    const auto opened = (*vault)->open_secret(kept, Context{}, Opener::other);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(opened->value == Secret::copy_of("kept value"));
    for (const auto& check : (*vault)->examine()) {
      EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
    }
    EXPECT_TRUE(create(**vault, named("AFTER"), "value"));
  }
};

bool names(const Recovery& recovery, const std::string& kind, const std::string& id) {
  return std::ranges::any_of(recovery.dropped, [&](const Problem& problem) {
    return problem.kind == kind && problem.id == id;
  });
}

TEST(Recover, LeavesAWholeVaultAlone) {
  const Edited e;
  const auto looked = e.recover(Acceptance::accepted);
  ASSERT_TRUE(looked) << looked.error().message;
  EXPECT_FALSE(looked->damaged);
  EXPECT_FALSE(looked->accepted);
  EXPECT_TRUE(looked->dropped.empty());
  EXPECT_TRUE(e.copies().empty());
}

TEST(Recover, ListsWithoutAcceptanceAndChangesNothing) {
  const Edited e;
  edit(e.place, "DELETE FROM secrets WHERE name = 'GONE'");
  edit(e.place,
       "DELETE FROM row_seals WHERE tbl = 'secrets' AND id NOT IN (SELECT id FROM secrets)");
  ASSERT_FALSE(Vault::open(e.place.options()));
  const auto looked = e.recover(Acceptance::dry_run);
  ASSERT_TRUE(looked) << looked.error().message;
  EXPECT_TRUE(looked->damaged);
  EXPECT_FALSE(looked->accepted);
  EXPECT_EQ(looked->kept.at("secret"), 1);
  EXPECT_TRUE(names(*looked, "credential", "of-gone"));
  EXPECT_FALSE(names(*looked, "credential", "of-kept"));
  EXPECT_TRUE(e.copies().empty());
  EXPECT_FALSE(Vault::open(e.place.options()));
}

TEST(Recover, KeepsWhatVerifiesAndDropsTheRestWithWhatRefersToIt) {
  struct Row {
    const char* what;
    store::Sql sql;
  };
  const std::array<Row, 4> rows{{
      {"removed with its seal",
       "DELETE FROM row_seals WHERE id = (SELECT id FROM secrets WHERE name = 'GONE'); DELETE FROM "
       "secrets WHERE name = 'GONE'"},
      {"altered, and its seal removed",
       "DELETE FROM row_seals WHERE id = (SELECT id FROM secrets WHERE name = 'GONE'); UPDATE "
       "secrets SET updated_at_ms = 1 WHERE name = 'GONE'"},
      {"its seal forged",
       "UPDATE row_seals SET mac = zeroblob(32) WHERE id = (SELECT id FROM secrets WHERE name = "
       "'GONE')"},
      {"its revision changed",
       "UPDATE row_seals SET rev = rev + 1 WHERE id = (SELECT id FROM secrets WHERE name = "
       "'GONE')"},
  }};
  for (const auto& row : rows) {
    const Edited e;
    edit(e.place, row.sql);
    const auto damaged = Vault::open(e.place.options());
    ASSERT_FALSE(damaged) << row.what;
    EXPECT_EQ(damaged.error().reason, "damaged") << row.what;
    const auto done = e.recover(Acceptance::accepted);
    ASSERT_TRUE(done) << row.what << ": " << done.error().message;
    EXPECT_TRUE(done->accepted);
    EXPECT_TRUE(names(*done, "credential", "of-gone")) << row.what;
    EXPECT_EQ(done->kept.at("secret"), 1) << row.what;
    EXPECT_EQ(done->kept.at("credential"), 1) << row.what;
    EXPECT_EQ(done->kept.at("binding"), 1) << row.what;
    ASSERT_EQ(e.copies(), std::vector<std::string>{done->copy});
    struct stat facts{};
    ASSERT_EQ(::stat((e.place.root() + "/" + done->copy).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777U, 0600U);
    e.expect_consistent();
  }
}

TEST(Recover, RecordsWhatItDropped) {
  const Edited e;
  edit(e.place,
       "UPDATE row_seals SET mac = zeroblob(32) WHERE tbl = 'policies' AND id = 'of-kept/read'");
  const auto done = e.recover(Acceptance::accepted);
  ASSERT_TRUE(done) << done.error().message;
  const auto vault = e.place.open();
  audit::Filter filter;
  filter.kinds = {"vault.rollback"};
  const auto records = read(*vault, [&](Reader& r) { return r.audit(filter); });
  ASSERT_EQ(records->size(), 1U);
  EXPECT_NE(records->front().event.note.find("policies/of-kept/read"), std::string::npos)
      << records->front().event.note;
  EXPECT_TRUE(vault->verify_audit(std::nullopt)->ok);
}

TEST(Recover, RepairsTheHeadOfAnAuditWhoseTailWasCut) {
  const Edited e;
  edit(e.place, "DELETE FROM audit WHERE seq > (SELECT max(seq) FROM audit) - 2");
  ASSERT_FALSE(Vault::open(e.place.options()));
  const auto done = e.recover(Acceptance::accepted);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->audit_missing, 2);
  EXPECT_TRUE(done->dropped.empty());
  e.expect_consistent();
  EXPECT_TRUE(e.place.open()->verify_audit(std::nullopt)->ok);
}

TEST(Recover, RepairsAnAlteredState) {
  const Edited e;
  edit(e.place, "UPDATE vault_state SET counter = 1, last_ts_ms = 1");
  ASSERT_FALSE(Vault::open(e.place.options()));
  ASSERT_TRUE(e.recover(Acceptance::accepted));
  e.expect_consistent();
}

TEST(Recover, RefusesAWrongKeyAndAnAlteredVaultRow) {
  const Edited e;
  edit(e.place, "UPDATE vault_state SET counter = 1");
  const auto key = e.place.key_file();
  fs::rename(key, key + ".aside");
  const auto missing = e.recover(Acceptance::accepted);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, "key_unavailable");
  std::ofstream(key) << std::string(62, '1') << "22";
  fs::permissions(key, fs::perms::owner_read | fs::perms::owner_write);
  const auto wrong = e.recover(Acceptance::accepted);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, "wrong_key");
  fs::rename(key + ".aside", key);
  edit(e.place, "UPDATE vault SET created_at_ms = 1");
  const auto altered = e.recover(Acceptance::accepted);
  ASSERT_FALSE(altered);
  EXPECT_EQ(altered.error().reason, "damaged");
  EXPECT_TRUE(e.copies().empty());
}

TEST(Recover, WaitsForNobodyWhoHasTheVaultOpen) {
  const Edited e;
  const auto open = e.place.open();
  const auto refused = e.recover(Acceptance::dry_run);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "busy");
}

}  // namespace
}  // namespace aivault::vault
