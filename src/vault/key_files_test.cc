// The files beside a key file: what an interrupted rotation leaves, what belongs to others, and
// which of it goes.
#include "vault/key_files.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/encoding.h"
#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "store/database.h"
#include "store/statement.h"
#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

namespace fs = std::filesystem;
using aivault::testing::content;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;
using Kind = ProviderChoice::Kind;

std::string key_text(char seed) {
  std::string bytes;
  for (char i = 0; i < 32; ++i) bytes += static_cast<char>(seed + i);
  return base64(bytes_of(bytes));
}

void put(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  fs::permissions(fs::path(path).parent_path(), fs::perms::owner_all);
  std::ofstream(path, std::ios::binary) << text;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

class KeyFiles : public ::testing::Test {
 protected:
  VaultPlace place;
  std::unique_ptr<Vault> vault = place.open();
  SecretId one = create(*vault, named("one"), "value one")->id;
  std::string file = place.key_file();
  std::string id = column(0);
  std::string staged = file + "." + id + ".new";
  std::string retired = file + "." + id + ".old";

  std::string column(int number) const {
    auto database = store::Database::open(place.database());
    store::Statement row(*database, "SELECT vault_id, provider FROM vault");
    EXPECT_TRUE(*row.step());
    return std::string(row.text(number));
  }
  Result<MasterRotated> rotate(const std::string& path = "") const {
    NewMaster wanted;
    wanted.default_key_file = file;
    if (!path.empty()) {
      wanted.provider.emplace();
      wanted.provider->kind = Kind::file;
      wanted.provider->file_path = path;
    }
    return vault->rotate_master(std::move(wanted), event_of("vault.rotate_master_key"));
  }
  void reopen() {
    vault.reset();
    auto opened = Vault::open(place.options());
    ASSERT_TRUE(opened) << opened.error().message;
    vault = std::move(*opened);
    const auto value = vault->open_secret(one, Context{}, Opener::other);
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_TRUE(value->value == Secret::copy_of("value one"));
  }
  // The row of the vault as it is, verified by those who open it.
  VaultRow row() const {
    VaultRow out;
    out.vault_id = id;
    out.provider = column(1);
    out.kek_id = *from_hex(*vault->status().kek_id);
    return out;
  }
  platform::Directory root() const { return std::move(*platform::Directory::open(place.root())); }
};

// What a process that was killed between two steps leaves behind, made by hand.
TEST_F(KeyFiles, ACandidateThatFitsTakesItsPlaceAndTheOthersGo) {
  const auto first = content(file);
  ASSERT_TRUE(rotate());
  const auto second = content(file);
  vault.reset();
  struct Row {
    const char* name;
    std::string at, new_one, old_one;
  };
  const std::string zeros(44, '\0');
  const std::array<Row, 6> rows{{
      {"not committed", second, key_text(1), ""},
      {"committed, not activated", first, second, ""},
      {"half activated", "", second, first},
      {"activated", second, "", first},
      {"half destroyed", second, "", zeros},
      {"moved back", "", "", second},
  }};
  for (const auto& row : rows) {
    for (const auto& [path, text] : {std::pair{file, row.at},
                                     std::pair{staged, row.new_one},
                                     std::pair{retired, row.old_one}}) {
      fs::remove(path);
      if (!text.empty()) put(path, text);
    }
    reopen();
    EXPECT_EQ(content(file), second) << row.name;
    EXPECT_FALSE(fs::exists(staged)) << row.name;
    EXPECT_FALSE(fs::exists(retired)) << row.name;
    vault.reset();
  }
}

TEST_F(KeyFiles, NothingIsTouchedWhenNoCandidateFits) {
  vault.reset();
  put(file, key_text(1));
  put(staged, key_text(2));
  put(retired, key_text(3));
  const auto refused = Vault::open(place.options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "wrong_key");
  EXPECT_EQ(content(file), key_text(1));
  EXPECT_EQ(content(staged), key_text(2));
  EXPECT_EQ(content(retired), key_text(3));
}

TEST_F(KeyFiles, AKeyOfUnknownOriginIsNotReplaced) {
  ASSERT_TRUE(rotate());
  vault.reset();
  fs::rename(file, staged);
  put(file, key_text(1));
  reopen();
  EXPECT_EQ(content(file), key_text(1));
  EXPECT_TRUE(fs::exists(staged));
}

TEST_F(KeyFiles, WhatHasAlikeNamesIsNeverTouched) {
  const std::array<std::pair<std::string, std::string>, 4> others{{
      {file + ".new", key_text(1)},
      {file + ".old", "known hosts of somebody"},
      {file + ".00000000-0000-4000-8000-000000000000.new", key_text(2)},
      {file + ".00000000-0000-4000-8000-000000000000.old", key_text(3)},
  }};
  for (const auto& [path, text] : others) put(path, text);
  reopen();
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(rotate(place.base() + "/elsewhere/key"));
  reopen();
  for (const auto& [path, text] : others) EXPECT_EQ(content(path), text) << path;
}

TEST_F(KeyFiles, ARetiredFileGoesOnlyIfItHoldsTheKeyBefore) {
  ASSERT_TRUE(rotate());
  for (const auto& text : {key_text(1), std::string("a letter, and no key"), std::string()}) {
    put(retired, text);
    reopen();
    EXPECT_EQ(content(retired), text);
    EXPECT_TRUE(fs::exists(retired));
    // Nor is it replaced by the next one.
    const auto refused = rotate();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("move it aside"), std::string::npos);
    EXPECT_EQ(content(retired), text);
  }
}

TEST_F(KeyFiles, WhatIsToBeRetiredGoesOnlyIfItHoldsTheKeyBefore) {
  const auto old = place.base() + "/old/key";
  const std::string zeros(44, '\0');
  auto vault_row = row();
  vault_row.retire = old;
  vault_row.previous_kek_id = crypto::key_id(*crypto::parse_key(Secret::copy_of(key_text(1))));
  struct Row {
    const char* name;
    std::string text;
    bool goes;
  };
  const std::array<Row, 6> rows{{{"the key before", key_text(1), true},
                                 {"left half-way", zeros, true},
                                 {"another key", key_text(2), false},
                                 {"no key", "-----BEGIN PRIVATE KEY-----", false},
                                 {"nothing", "", false},
                                 {"many zeros", std::string(5000, '\0'), false}}};
  for (const auto& row : rows) {
    put(old, row.text);
    const auto settled = settle_key_files(vault_row, root());
    ASSERT_TRUE(settled) << row.name << settled.error().message;
    EXPECT_TRUE(settled->done) << row.name;
    EXPECT_EQ(settled->left, row.goes ? "" : old) << row.name;
    EXPECT_EQ(fs::exists(old), !row.goes) << row.name;
    if (!row.goes) EXPECT_EQ(content(old), row.text) << row.name;
  }
  // A link to it, another name of it, and what others can read but not their own.
  const auto real = place.base() + "/real/key";
  for (const auto make :
       {+[](const std::string& to, const std::string& at) { fs::create_symlink(to, at); },
        +[](const std::string& to, const std::string& at) { fs::create_hard_link(to, at); }}) {
    fs::remove(old);
    put(real, key_text(1));
    make(real, old);
    const auto settled = settle_key_files(vault_row, root());
    ASSERT_TRUE(settled) << settled.error().message;
    EXPECT_TRUE(settled->done);
    EXPECT_EQ(settled->left, old);
    EXPECT_EQ(content(real), key_text(1));
  }
}

TEST_F(KeyFiles, NothingOfAnotherOwnerIsRetired) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files to another user";
  const auto old = place.base() + "/old/key";
  put(old, key_text(1));
  ASSERT_EQ(::chown(old.c_str(), 1, 1), 0);
  auto vault_row = row();
  vault_row.retire = old;
  vault_row.previous_kek_id = crypto::key_id(*crypto::parse_key(Secret::copy_of(key_text(1))));
  const auto settled = settle_key_files(vault_row, root());
  ASSERT_TRUE(settled) << settled.error().message;
  EXPECT_EQ(settled->left, old);
  EXPECT_EQ(content(old), key_text(1));
}

TEST_F(KeyFiles, ACopyInAnotherDirectoryIsAnotherVaultAndAMovedOneIsNot) {
  const auto key = key_file_of(KeyProvider::file(root(), file), root(), id);
  const auto copy = place.base() + "/copy";
  ASSERT_TRUE(note_key_user(key, id, copy, KeyUse::adopted));
  ASSERT_TRUE(rotate()) << "the copy is not there";
  put(copy + "/vault.db", "a copy");
  const auto before = content(file);
  const auto refused = rotate();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("'" + copy + "' uses it too"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(content(file), before);
  // Away from there the file stays.
  ASSERT_TRUE(rotate(place.base() + "/elsewhere/key"));
  EXPECT_EQ(content(file), before);
  const auto users = key_users(key, id, copy);
  ASSERT_TRUE(users);
  EXPECT_FALSE(users->other);
}

TEST_F(KeyFiles, AVaultThatWasMovedKeepsItsKeyFile) {
  vault.reset();
  const auto moved = place.base() + "/moved";
  fs::rename(place.root(), moved);
  auto opened = Vault::open({{moved, file}, CallRecords::written});
  ASSERT_TRUE(opened) << opened.error().message;
  vault = std::move(*opened);
  const auto rotated = rotate();
  ASSERT_TRUE(rotated) << rotated.error().message;
}

TEST_F(KeyFiles, AListThatWasCopiedWithItsVaultSpeaksOfTheOriginal) {
  const auto key = key_file_of(KeyProvider::file(root(), place.root() + "/kek.key"), root(), id);
  const auto original = place.base() + "/original";
  put(original + "/vault.db", "the original");
  ASSERT_TRUE(note_key_user(key, id, original, KeyUse::made));
  EXPECT_FALSE(key_users(key, id, place.root())->other);
  ASSERT_TRUE(note_key_user(key, id, place.root(), KeyUse::adopted));
  EXPECT_TRUE(key_users(key, id, place.root())->other);
}

TEST_F(KeyFiles, AnIdOfADatabaseLeadsToNoOtherDirectory) {
  const auto key = key_file_of(KeyProvider::file(root(), file), root(), "/../../x");
  EXPECT_EQ(fs::path(key.staged()).parent_path(), fs::path(file).parent_path());
  EXPECT_EQ(fs::path(key.retired()).parent_path(), fs::path(file).parent_path());
}

}  // namespace
}  // namespace aivault::vault
