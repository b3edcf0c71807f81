// Restoring where a key may be written and where not, whatever the archive names.
#include "vault/restore.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "testing/vault_place.h"
#include "vault/backup.h"
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

ProviderChoice file_choice(const std::string& path) {
  ProviderChoice out;
  out.kind = Kind::file;
  out.file_path = path;
  return out;
}

class Restore : public ::testing::Test {
 protected:
  VaultPlace place;
  Secret passphrase = Secret::copy_of("a passphrase of an archive");
  SecretId one;

  // Of a vault whose key is in `key`.
  std::string archive_of(const std::string& key, ArchivedKey with = ArchivedKey::included) {
    EXPECT_TRUE(Vault::init(place.options(), file_choice(key)));
    const auto vault = place.open();
    one = create(*vault, named("one"), "value one")->id;
    std::string out;
    const auto sink = [&](std::string_view piece) -> Result<void> {
      out += piece;
      return {};
    };
    crypto::PassphraseCost cheap = crypto::new_passphrase_cost();
    cheap.passes = 2;
    cheap.memory_kib = 65'536;
    const auto done = vault->backup(
        {passphrase, with, "0.0.0", event_of("vault.backup"), [] { return true; }, cheap}, sink);
    EXPECT_TRUE(done) << done.error().message;
    return out;
  }
  Result<Restored> restore_to(const std::string& root,
                              const std::string& archive,
                              std::optional<ProviderChoice> provider = {}) const {
    const Options options{{root, place.key_file()}, CallRecords::written};
    std::size_t at = 0;
    const auto source = [&](std::span<char> into) -> Result<std::size_t> {
      const auto size = std::min(into.size(), archive.size() - at);
      std::ranges::copy(std::string_view(archive).substr(at, size), into.begin());
      at += size;
      return size;
    };
    return restore({options,
                    source,
                    passphrase,
                    std::move(provider),
                    nullptr,
                    ExistingVault::refuse,
                    event_of("vault.restore")});
  }
  void expect_opens(const std::string& root) const {
    const auto vault = Vault::open({{root, place.key_file()}, CallRecords::written});
    ASSERT_TRUE(vault) << vault.error().message;
    const auto opened = (*vault)->open_secret(one, Context{}, Opener::other);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(opened->value == Secret::copy_of("value one"));
  }
};

TEST_F(Restore, WritesNoKeyWhereOnlyTheArchiveSaysSo) {
  const auto target = place.base() + "/home/.bash_profile";
  const auto archive = archive_of(target);
  fs::remove_all(place.base() + "/home");
  fs::remove_all(place.root());
  const auto refused = restore_to(place.root(), archive);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "key_unavailable");
  EXPECT_NE(refused.error().message.find("--provider file --file-path PATH"), std::string::npos)
      << refused.error().message;
  EXPECT_FALSE(fs::exists(place.base() + "/home"));
  EXPECT_FALSE(fs::exists(place.database()));
  // Nor over what is there and is another key.
  fs::create_directories(place.base() + "/home");
  fs::permissions(place.base() + "/home", fs::perms::owner_all);
  std::ofstream(target) << std::string(64, 'a') + "b";
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_FALSE(restore_to(place.root(), archive));
  EXPECT_EQ(content(target), std::string(64, 'a') + "b");

  const auto chosen = restore_to(place.root(), archive, file_choice(place.base() + "/mine/key"));
  ASSERT_TRUE(chosen) << chosen.error().message;
  ASSERT_EQ(chosen->notices.size(), 1U);
  EXPECT_EQ(chosen->notices.front(),
            "The key of the vault was written to '" + place.base() + "/mine/key'");
  expect_opens(place.root());
}

TEST_F(Restore, SaysThatThePassphraseOfTheArchiveOpensTheVault) {
  const auto archive = archive_of(place.key_file());
  fs::remove_all(place.root());
  ProviderChoice choice;
  choice.kind = Kind::passphrase;
  const auto restored = restore_to(place.root(), archive, std::move(choice));
  ASSERT_TRUE(restored) << restored.error().message;
  ASSERT_EQ(restored->notices.size(), 1U);
  EXPECT_EQ(restored->notices.front(), "The passphrase of the archive opens this vault now");
  EXPECT_TRUE(Vault::open(place.options(), &passphrase));
  fs::remove_all(place.root());

  ProviderChoice own;
  own.kind = Kind::passphrase;
  own.passphrase = Secret::copy_of("a passphrase of its own");
  const auto with_its_own = restore_to(place.root(), archive, std::move(own));
  ASSERT_TRUE(with_its_own) << with_its_own.error().message;
  EXPECT_TRUE(with_its_own->notices.empty());
}

TEST_F(Restore, WritesNoKeyUnderANameThatMeansSomethingElse) {
  for (const auto* name : {"config.toml", "run/aivaultd.sock", "locks/key", "audit/1-2.jsonl"}) {
    const auto archive = archive_of(place.root() + "/" + name);
    fs::remove_all(place.root());
    const auto refused = restore_to(place.root(), archive);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().reason, "key_unavailable") << name;
    EXPECT_FALSE(fs::exists(place.root() + "/" + name)) << name;
    fs::remove_all(place.root());
  }
}

TEST_F(Restore, WritesTheKeyIntoItsUsualPlaceOrTheVaultItself) {
  for (const auto& key : {place.key_file(), place.root() + "/keys/kek.key"}) {
    const auto archive = archive_of(key);
    fs::remove_all(place.root());
    fs::remove_all(fs::path(key).parent_path());
    const auto restored = restore_to(place.root(), archive);
    ASSERT_TRUE(restored) << restored.error().message;
    ASSERT_EQ(restored->notices.size(), 1U);
    EXPECT_EQ(restored->notices.front(), "The key of the vault was written to '" + key + "'");
    expect_opens(place.root());
    fs::remove_all(place.root());
    fs::remove_all(fs::path(key).parent_path());
  }
}

TEST_F(Restore, UsesTheKeyThatIsThere) {
  const auto key = place.base() + "/usb/kek.key";
  const auto archive = archive_of(key);
  fs::remove_all(place.root());
  const auto restored = restore_to(place.root(), archive);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_TRUE(restored->notices.empty());
  expect_opens(place.root());
}

TEST_F(Restore, FindsTheKeyThatTheArchiveLacksWhereItIsToBe) {
  const auto old_place = place.base() + "/old-key";
  const auto archive = archive_of(old_place, ArchivedKey::left_out);
  fs::remove_all(place.root());
  const auto moved = place.base() + "/moved-key";
  fs::rename(old_place, moved);
  ASSERT_FALSE(restore_to(place.root(), archive));
  ASSERT_FALSE(restore_to(place.root(), archive, file_choice(place.base() + "/no-key")));
  EXPECT_FALSE(fs::exists(place.base() + "/no-key"));
  const auto done = restore_to(place.root(), archive, file_choice(moved));
  ASSERT_TRUE(done) << done.error().message;
  expect_opens(place.root());
}

TEST_F(Restore, TheCopyBesideDoesNotTakeTheKeyOfTheOriginal) {
  const auto archive = archive_of(place.base() + "/usb/kek.key");
  const auto copy = place.base() + "/copy";
  ASSERT_FALSE(restore_to(copy, archive)) << "the key is noted for the original";
  ASSERT_TRUE(restore_to(copy, archive, file_choice(place.base() + "/usb/kek.key")));
  // Both are on the list now; neither takes the key away from the other.
  for (const auto& root : {copy, place.root()}) {
    const auto vault = Vault::open({{root, place.key_file()}, CallRecords::written});
    ASSERT_TRUE(vault) << vault.error().message;
    const auto refused = (*vault)->rotate_master({}, event_of("vault.rotate_master_key"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("uses it too"), std::string::npos)
        << refused.error().message;
  }
  expect_opens(copy);
  expect_opens(place.root());
}

}  // namespace
}  // namespace aivault::vault
