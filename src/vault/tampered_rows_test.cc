// Every protected table alike: what somebody who can write vault.db, but lacks the key, does to a
// row or its seal. Running, the row is refused by name; at the next open, the vault is.
#include <gtest/gtest.h>

#include "store/database.h"
#include "store/seals.h"
#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/stored_row.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;
using store::Table;

Vault::Check seals_check(Vault& vault) {
  for (auto& check : vault.examine()) {
    if (check.id == "row-seals") return check;
  }
  throw std::runtime_error("no check of the seals");
}

// Two rows of each table, made by the vault. Those whose noun nothing makes yet are put by the
// statement of the store, and sealed as the vault would.
struct Subject {
  Table table;
  const char *first, *second;  // Ids; empty: the vault's own choice.
  store::Sql edit;             // Of the first row, in a way that its schema allows.
};

const Subject kSubjects[] = {
    {Table::secrets, "", "", "UPDATE secrets SET rotate_every_days = 9 WHERE id = ?1"},
    {Table::credentials, "acme", "beta", "UPDATE credentials SET enabled = 0 WHERE id = ?1"},
    {Table::capabilities, "acme/a", "acme/b", "UPDATE capabilities SET enabled = 0 WHERE id = ?1"},
    {Table::policies, "acme/a", "acme/b", "UPDATE policies SET body = '[]' WHERE id = ?1"},
    {Table::bindings,
     "acme/a global",
     "acme/b global",
     "UPDATE bindings SET consumer = 'ci' WHERE id = ?1"},
    {Table::settings, "one", "two", "UPDATE settings SET body = '[]' WHERE id = ?1"},
};

class TamperedRow : public ::testing::TestWithParam<Subject> {
 protected:
  TamperedRow() {
    const auto vault = place_.open();
    const auto one = create(*vault, named("one"), "value one")->id;
    const auto two = create(*vault, named("two"), "value two")->id;
    first_ = GetParam().table == Table::secrets ? one.str() : GetParam().first;
    second_ = GetParam().table == Table::secrets ? two.str() : GetParam().second;
    fill(*vault, one, 1);
  }

  // The second time with other content.
  static void fill(Vault& vault, const SecretId& secret, int version) {
    const auto at = from_int(version);
    const auto done = change(vault, [&](Change& c) -> Result<void> {
      for (const char* id : {"acme", "beta"}) {
        CredentialRow row;
        row.id = row.provider = id;
        row.secret_id = secret;
        row.updated_at = at;
        TRY(c.put(row));
      }
      for (const char* id : {"acme/a", "acme/b"}) {
        const auto own = "\"" + std::string(id) + "\"";
        TRY(c.put(CapabilityRow{id, "acme", Origin::operator_made, true, own, {}, at}));
        TRY(c.put(PolicyRow{id, own, at}));
        TRY(c.put(BindingRow{id, {}, "", secret, at}));
      }
      TRY(c.put(SettingRow{"one", "1", at}));
      TRY(c.put(SettingRow{"two", "2", at}));
      SecretUpdate update;
      update.rotate_every_days = 20 + version;
      TRY(c.update_secret(secret, update));
      c.record(event_of("settings.set"));
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }

  template <typename Work>
  void with_database(Work work) {
    auto database = store::Database::open(place_.database());
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->execute("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON"));
    work(*database);
  }
  void run(store::Sql sql, const std::string& id) {
    with_database([&](store::Database& database) {
      const auto done = store::Statement(database, sql, id).run();
      ASSERT_TRUE(done) << sql.text() << done.error().message;
    });
  }
  Table table() const { return GetParam().table; }
  std::string name() const { return std::string(store::name_of(table())); }

  // The row under that id, read as its noun is.
  Result<bool> read_row(Vault& vault, const std::string& id) {
    return read(vault, [&](Reader& r) -> Result<bool> {
      switch (table()) {
        case Table::secrets: return is_there(r.secret(SecretId(id)));
        case Table::credentials: return is_there(r.credential(id));
        case Table::capabilities: return is_there(r.capability(id));
        case Table::policies: return is_there(r.policy(id));
        case Table::bindings: return is_there(r.binding(id));
        default: return is_there(r.setting(id));
      }
    });
  }
  template <typename Row>
  static Result<bool> is_there(const Result<std::optional<Row>>& found) {
    if (!found) return fail(found.error());
    return found->has_value();
  }

  void expect_refused(Vault& vault, const std::string& id, const std::string& why) {
    const auto found = read_row(vault, id);
    ASSERT_FALSE(found) << id << ": " << why;
    EXPECT_EQ(found.error().reason, "row_integrity");
    EXPECT_EQ(found.error().message,
              "row integrity check failed: " + name() + "/" + id + ": " + why);
  }
  void expect_fine(Vault& vault, const std::string& id) {
    const auto found = read_row(vault, id);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(*found);
  }
  // Everything else goes on, and doctor names exactly these.
  void expect_named_by_doctor(Vault& vault, std::size_t count) {
    const auto database = seals_check(vault);
    EXPECT_EQ(database.state, Vault::Check::State::fail);
    EXPECT_TRUE(database.detail.starts_with(std::to_string(count) + " damaged record"))
        << database.detail;
    EXPECT_NE(database.detail.find(name() + "/" + first_), std::string::npos) << database.detail;
    EXPECT_TRUE(create(vault, named("unrelated"), "still works"));
  }
  void expect_damaged_at_open() {
    const auto opened = Vault::open(place_.options());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, "damaged") << opened.error().message;
  }

  VaultPlace place_;
  std::string first_, second_;
};

TEST_P(TamperedRow, EditedIsRefusedWhileRunningAndAfterOpen) {
  {
    const auto vault = place_.open();
    run(GetParam().edit, first_);
    expect_refused(*vault, first_, "MAC");
    expect_fine(*vault, second_);
    expect_named_by_doctor(*vault, 1);
  }
  const auto vault = place_.open();
  expect_refused(*vault, first_, "MAC");
  expect_fine(*vault, second_);
}

TEST_P(TamperedRow, SwappedWithAnotherRefusesBoth) {
  const auto vault = place_.open();
  with_database([&](store::Database& database) {
    // The content of each under the id of the other.
    auto one = **store::find_row(database, table(), first_);
    auto two = **store::find_row(database, table(), second_);
    std::swap(one.front(), two.front());
    ASSERT_TRUE(database.execute("PRAGMA foreign_keys=OFF"));
    ASSERT_TRUE(store::remove_row(database, table(), first_));
    ASSERT_TRUE(store::remove_row(database, table(), second_));
    ASSERT_TRUE(store::put_row(database, table(), one));
    ASSERT_TRUE(store::put_row(database, table(), two));
  });
  for (const auto& id : {first_, second_}) {
    const auto found = read_row(*vault, id);
    ASSERT_FALSE(found) << id;
    EXPECT_EQ(found.error().reason, "row_integrity");
    EXPECT_NE(found.error().message.find(name() + "/" + id), std::string::npos);
  }
}

TEST_P(TamperedRow, WithTheSealOfAnotherIsRefused) {
  const auto vault = place_.open();
  with_database([&](store::Database& database) {
    const auto one = **store::find_seal(database, table(), first_);
    const auto two = **store::find_seal(database, table(), second_);
    ASSERT_TRUE(store::put_seal(database, table(), first_, {one.rev, two.mac}));
    ASSERT_TRUE(store::put_seal(database, table(), second_, {two.rev, one.mac}));
  });
  expect_refused(*vault, first_, "MAC");
  expect_refused(*vault, second_, "MAC");
  expect_damaged_at_open();
}

TEST_P(TamperedRow, PutBackWithItsOldSealIsRefusedByItsRevision) {
  store::Row old_row;
  store::RowSeal old_seal;
  with_database([&](store::Database& database) {
    old_row = **store::find_row(database, table(), first_);
    old_seal = **store::find_seal(database, table(), first_);
  });
  const auto vault = place_.open();
  fill(*vault, (*read(*vault, [](Reader& r) { return r.secret_by_name({}, "one"); }))->id, 2);
  expect_fine(*vault, first_);
  with_database([&](store::Database& database) {
    ASSERT_TRUE(store::put_row(database, table(), old_row));
    ASSERT_TRUE(store::put_seal(database, table(), first_, old_seal));
  });
  expect_refused(*vault, first_, "revision");
  expect_fine(*vault, second_);
  expect_named_by_doctor(*vault, 1);
  expect_damaged_at_open();
}

TEST_P(TamperedRow, WithoutItsSealIsRefused) {
  const auto vault = place_.open();
  with_database([&](store::Database& database) {
    ASSERT_TRUE(store::remove_seal(database, table(), first_));
  });
  expect_refused(*vault, first_, "its seal is missing");
  expect_fine(*vault, second_);
  expect_damaged_at_open();
}

TEST_P(TamperedRow, RemovedFromUnderItsSealIsMissed) {
  {
    const auto vault = place_.open();
    with_database([&](store::Database& database) {
      ASSERT_TRUE(store::remove_row(database, table(), first_));
    });
    expect_refused(*vault, first_, "the row is missing");
    expect_fine(*vault, second_);
    expect_named_by_doctor(*vault, 1);
  }
  const auto vault = place_.open();
  expect_refused(*vault, first_, "the row is missing");
}

INSTANTIATE_TEST_SUITE_P(OfEveryNoun,
                         TamperedRow,
                         ::testing::ValuesIn(kSubjects),
                         [](const auto& info) {
                           return std::string(store::name_of(info.param.table));
                         });

// Tables whose nouns nothing makes yet: a row that appears there is unknown, whatever its seal.
TEST(TamperedTables, ARowThatNobodyMadeIsNamedInEveryTable) {
  const std::pair<store::Sql, const char*> rows[] = {
      {"INSERT INTO providers VALUES ('x', 0, 1, '{}', 1)", "providers/x"},
      {"INSERT INTO agents VALUES ('x', 'x', '{}', NULL, 1, 1)", "agents/x"},
      {"INSERT INTO tokens VALUES ('x', zeroblob(32), NULL, '{}', 1, 2, NULL)", "tokens/x"},
      {"INSERT INTO approvals VALUES ('x', 'approved', 'a/b', '{}', 1, 2, 2)", "approvals/x"},
      {"INSERT INTO audit_segments VALUES ('x', 1, 2, 2, 1, 2, x'00', x'00', 'sealed', NULL, NULL)",
       "audit_segments/x"},
      {"INSERT INTO bindings SELECT 'x', 'a/b', 0, '', '', '', id, 1 FROM secrets", "bindings/x"},
      {"INSERT INTO policies VALUES ('x', '{}', 1)", "policies/x"},
      {"INSERT INTO settings VALUES ('x', '{}', 1)", "settings/x"},
  };
  for (const auto& [sql, name] : rows) {
    const VaultPlace place;
    const auto vault = place.open();
    ASSERT_TRUE(create(*vault, named("one"), "value"));
    auto database = store::Database::open(place.database());
    ASSERT_TRUE(database->execute(sql)) << sql.text();
    const auto checked = seals_check(*vault);
    EXPECT_EQ(checked.state, Vault::Check::State::fail) << sql.text();
    EXPECT_NE(checked.detail.find(std::string(name) + ": unknown row"), std::string::npos)
        << checked.detail;
  }
}

TEST(TamperedTables, AreAllSealed) {
  EXPECT_EQ(store::kTables.size(), 13U);
  for (const auto table : store::kTables) {
    EXPECT_EQ(store::table_named(store::name_of(table)), table);
    EXPECT_FALSE(noun_of(table).empty());
  }
  EXPECT_EQ(store::table_named("audit"), std::nullopt);
}

}  // namespace
}  // namespace aivault::vault
