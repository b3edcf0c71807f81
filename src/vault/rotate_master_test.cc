// Another master key for a vault: every form, every refusal, other processes, interruptions.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "base/encoding.h"
#include "crypto/key_text.h"
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
using aivault::testing::record_and_wait;
using aivault::testing::VaultPlace;
using Kind = ProviderChoice::Kind;

// 32 bytes that differ from each other and from those of another seed.
std::string key_bytes(char seed) {
  std::string bytes;
  for (char i = 0; i < 32; ++i) bytes += static_cast<char>(seed + i);
  return bytes;
}
Secret key(char seed) { return Secret::copy_of(base64(bytes_of(key_bytes(seed)))); }

void write_key(const std::string& path, char seed) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << base64(bytes_of(key_bytes(seed)));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(fs::path(path).parent_path(), fs::perms::owner_all);
}

ProviderChoice choice(Kind kind) {
  ProviderChoice out;
  out.kind = kind;
  return out;
}

NewMaster wanted(const VaultPlace& place) {
  NewMaster out;
  out.default_key_file = place.key_file();
  return out;
}

audit::Event who() { return event_of("vault.rotate_master_key"); }

struct Case {
  VaultPlace place;
  std::unique_ptr<Vault> vault = place.open();
  SecretId one = create(*vault, named("one"), "value one")->id;
  SecretId two = create(*vault, named("two"), "value two")->id;

  Result<MasterRotated> rotate(NewMaster master) const {
    return vault->rotate_master(std::move(master), who());
  }
  static void expect_opens(Vault& vault, const SecretId& id, std::string_view value) {
    const auto opened = vault.open_secret(id, Context{}, Opener::other);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(opened->value == Secret::copy_of(value));
  }
  void expect_whole(Vault& open) const {
    expect_opens(open, one, "value one");
    expect_opens(open, two, "value two");
    const auto verified = open.verify_audit(std::nullopt);
    EXPECT_TRUE(verified && verified->ok);
    for (const auto& check : open.examine()) {
      EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
    }
  }
  void reopen(const Secret* passphrase = nullptr) {
    vault.reset();
    auto opened = Vault::open(place.options(), passphrase);
    ASSERT_TRUE(opened) << opened.error().message;
    vault = std::move(*opened);
  }
};

TEST(RotateMaster, GeneratesAKeyForTheFileThatTheVaultHas) {
  Case c;
  const auto before = *c.vault->status().kek_id;
  const auto old_file = content(c.place.key_file());
  const auto rotated = c.rotate(wanted(c.place));
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_TRUE(rotated->notices.empty()) << rotated->notices.front();
  EXPECT_NE(*rotated->status.kek_id, before);
  EXPECT_EQ(rotated->status.provider_type, "file");
  EXPECT_NE(content(c.place.key_file()), old_file);
  for (const auto* suffix : {".new", ".old"}) {
    EXPECT_FALSE(fs::exists(c.place.key_file() + suffix)) << suffix;
  }
  c.expect_whole(*c.vault);
  c.reopen();
  c.expect_whole(*c.vault);
  EXPECT_EQ(*c.vault->status().kek_id, *rotated->status.kek_id);
}

TEST(RotateMaster, StoresAGivenKeyInTheKeyFile) {
  Case c;
  auto master = wanted(c.place);
  master.key = key(1);
  ASSERT_TRUE(c.rotate(std::move(master)));
  EXPECT_EQ(content(c.place.key_file()), base64(bytes_of(key_bytes(1))));
  struct stat facts{};
  ASSERT_EQ(::stat(c.place.key_file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777U, 0600U);
  c.reopen();
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, MovesToAnotherFileAndDestroysTheOldOne) {
  Case c;
  auto master = wanted(c.place);
  master.provider = choice(Kind::file);
  master.provider->file_path = c.place.base() + "/elsewhere/vault.key";
  const auto rotated = c.rotate(std::move(master));
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_FALSE(fs::exists(c.place.key_file()));
  EXPECT_TRUE(fs::exists(c.place.base() + "/elsewhere/vault.key"));
  c.reopen();
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, MovesToAVariableAndBackToAFile) {
  Case c;
  auto master = wanted(c.place);
  master.provider = choice(Kind::env);
  master.provider->env_var = "AIVAULT_KEY_OF_TEST";
  master.key = key(2);
  const auto rotated = c.rotate(std::move(master));
  ASSERT_TRUE(rotated) << rotated.error().message;
  ASSERT_EQ(rotated->notices.size(), 1U);
  EXPECT_TRUE(rotated->notices.front().starts_with("Put the new key into AIVAULT_KEY_OF_TEST"));
  EXPECT_EQ(rotated->status.provider_type, "env");
  EXPECT_FALSE(fs::exists(c.place.key_file()));
  c.expect_opens(*c.vault, c.one, "value one");

  auto back = wanted(c.place);
  back.provider = choice(Kind::file);
  const auto again = c.rotate(std::move(back));
  ASSERT_TRUE(again) << again.error().message;
  c.reopen();
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, SaysWhatToSealForACredential) {
  Case c;
  auto master = wanted(c.place);
  master.provider = choice(Kind::systemd_creds);
  master.key = key(3);
  const auto rotated = c.rotate(std::move(master));
  ASSERT_TRUE(rotated) << rotated.error().message;
  ASSERT_EQ(rotated->notices.size(), 1U);
  EXPECT_NE(rotated->notices.front().find("--name=aivault-kek"), std::string::npos);
  c.expect_opens(*c.vault, c.two, "value two");
}

TEST(RotateMaster, MakesAPassphraseVaultThatStaysUnlocked) {
  Case c;
  auto master = wanted(c.place);
  master.passphrase = Secret::copy_of("correct horse battery staple");
  const auto rotated = c.rotate(std::move(master));
  ASSERT_TRUE(rotated) << rotated.error().message;
  EXPECT_EQ(rotated->status.provider_type, "passphrase");
  EXPECT_FALSE(rotated->status.locked);
  EXPECT_FALSE(fs::exists(c.place.key_file()));
  c.expect_opens(*c.vault, c.one, "value one");
  const auto passphrase = Secret::copy_of("correct horse battery staple");
  c.reopen(&passphrase);
  c.expect_opens(*c.vault, c.one, "value one");
  // And another passphrase after it.
  auto next = wanted(c.place);
  next.passphrase = Secret::copy_of("quite another passphrase");
  ASSERT_TRUE(c.rotate(std::move(next)));
  c.vault.reset();
  const auto refused = Vault::open(c.place.options(), &passphrase);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "wrong_key");
}

TEST(RotateMaster, RefusesWhatDoesNotFitAndChangesNothing) {
  struct Row {
    const char* message;
    std::function<void(NewMaster&)> ask;
  };
  const std::array<Row, 8> rows{{
      {"provide only one of --new-key or --new-passphrase",
       [](NewMaster& m) {
         m.key = key(1);
         m.passphrase = Secret::copy_of("a passphrase of mine");
       }},
      {"new_key required", [](NewMaster& m) { m.provider = choice(Kind::env); }},
      {"new_key required", [](NewMaster& m) { m.provider = choice(Kind::systemd_creds); }},
      {"new_passphrase required", [](NewMaster& m) { m.provider = choice(Kind::passphrase); }},
      {"new_passphrase required",
       [](NewMaster& m) {
         m.provider = choice(Kind::passphrase);
         m.key = key(1);
       }},
      {"--new-passphrase belongs to --provider passphrase only",
       [](NewMaster& m) {
         m.provider = choice(Kind::file);
         m.passphrase = Secret::copy_of("a passphrase of mine");
       }},
      {"must not be empty", [](NewMaster& m) { m.passphrase = Secret::copy_of("  \t"); }},
      {"a key is 32 bytes", [](NewMaster& m) { m.key = Secret::copy_of(std::string(64, '7')); }},
  }};
  Case c;
  const auto before = *c.vault->status().kek_id;
  const auto file = content(c.place.key_file());
  for (const auto& row : rows) {
    auto master = wanted(c.place);
    row.ask(master);
    const auto refused = c.rotate(std::move(master));
    ASSERT_FALSE(refused) << row.message;
    EXPECT_NE(refused.error().message.find(row.message), std::string::npos)
        << refused.error().message;
  }
  EXPECT_EQ(*c.vault->status().kek_id, before);
  EXPECT_EQ(content(c.place.key_file()), file);
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, RefusesProvidersThatAreNotHere) {
  const Case c;
  for (const auto kind : {Kind::keyring, Kind::macos_keychain}) {
    auto master = wanted(c.place);
    master.provider = choice(kind);
    master.key = key(1);
    const auto refused = c.rotate(std::move(master));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "key_unavailable");
  }
}

TEST(RotateMaster, RefusesTheKeyThatItHas) {
  Case c;
  auto master = wanted(c.place);
  master.key = key(5);
  ASSERT_TRUE(c.rotate(std::move(master)));
  auto same = wanted(c.place);
  same.key = key(5);
  const auto refused = c.rotate(std::move(same));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is the one that the vault has"), std::string::npos);
  EXPECT_FALSE(fs::exists(c.place.key_file() + ".new"));
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, OverwritesNoOtherKey) {
  Case c;
  const auto elsewhere = c.place.base() + "/elsewhere/vault.key";
  write_key(elsewhere, 7);
  auto master = wanted(c.place);
  master.provider = choice(Kind::file);
  master.provider->file_path = elsewhere;
  master.key = key(8);
  const auto refused = c.rotate(std::move(master));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("it holds another key"), std::string::npos);
  EXPECT_EQ(content(elsewhere), base64(bytes_of(key_bytes(7))));
  // Nor the file that somebody has put in the place of the vault's own.
  write_key(c.place.key_file(), 9);
  const auto replaced = c.rotate(wanted(c.place));
  ASSERT_FALSE(replaced);
  EXPECT_EQ(content(c.place.key_file()), base64(bytes_of(key_bytes(9))));
}

TEST(RotateMaster, DestroysNoKeyThatAnotherVaultHasAdopted) {
  Case c;
  const VaultPlace other;
  auto same_file = choice(Kind::file);
  same_file.file_path = c.place.key_file();
  ASSERT_TRUE(Vault::init(other.options(), same_file));
  const auto refused = c.rotate(wanted(c.place));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("uses it too"), std::string::npos)
      << refused.error().message;
  // In a file of its own it gets another key, and the other one keeps the old.
  auto master = wanted(c.place);
  master.provider = choice(Kind::file);
  master.provider->file_path = c.place.base() + "/own/vault.key";
  const auto rotated = c.rotate(std::move(master));
  ASSERT_TRUE(rotated) << rotated.error().message;
  ASSERT_EQ(rotated->notices.size(), 1U);
  EXPECT_NE(rotated->notices.front().find("left in place"), std::string::npos);
  EXPECT_TRUE(Vault::open(other.options()));
  c.reopen();
  c.expect_whole(*c.vault);
  // Now it is the other one's alone.
  const auto left = Vault::open(other.options());
  const auto again = (*left)->rotate_master(wanted(other), who());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(fs::exists(c.place.key_file() + ".old"));
}

TEST(RotateMaster, BeginsAnAuditEpochAndRecordsWhatItDid) {
  Case c;
  const auto before = *c.vault->status().kek_id;
  ASSERT_TRUE(c.rotate(wanted(c.place)));
  audit::Filter filter;
  filter.kinds = {"vault.rotate_master_key"};
  const auto records = read(*c.vault, [&](Reader& r) { return r.audit(filter); });
  ASSERT_EQ(records->size(), 1U);
  EXPECT_EQ(records->front().event.note,
            "provider file, key " + *c.vault->status().kek_id + ", previous key " + before +
                ", 2 secrets");
  ASSERT_TRUE(record_and_wait(*c.vault, event_of("capability.invoke")));
  auto database = store::Database::open(c.place.database());
  store::Statement epochs(*database, "SELECT group_concat(DISTINCT epoch) FROM audit");
  ASSERT_TRUE(*epochs.step());
  EXPECT_EQ(epochs.text(0), "1,2");
}

TEST(RotateMaster, NamesTheDamagedRowThatStandsInTheWay) {
  Case c;
  {
    auto database = store::Database::open(c.place.database());
    ASSERT_TRUE(store::Statement(
                    *database, "UPDATE secrets SET updated_at_ms = 1 WHERE id = ?1", c.one.str())
                    .run());
  }
  const auto refused = c.rotate(wanted(c.place));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "row integrity check failed: secrets/" + c.one.str() + ": MAC");
  EXPECT_FALSE(fs::exists(c.place.key_file() + ".new"));
  c.expect_opens(*c.vault, c.two, "value two");
}

TEST(RotateMaster, IsSeenByAnotherVaultObjectAtOnce) {
  Case c;
  const auto second = c.place.open();
  Case::expect_opens(*second, c.one, "value one");
  ASSERT_TRUE(c.rotate(wanted(c.place)));
  Case::expect_opens(*second, c.one, "value one");
  EXPECT_EQ(second->status().kek_id, c.vault->status().kek_id);
  ASSERT_TRUE(create(*second, named("three"), "value three"));
  ASSERT_TRUE(second->rotate_master(wanted(c.place), who()));
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, LocksOutAnotherVaultObjectThatCannotLoadTheKey) {
  const Case c;
  const auto second = c.place.open();
  auto master = wanted(c.place);
  master.provider = choice(Kind::env);
  master.key = key(4);
  ASSERT_TRUE(c.rotate(std::move(master)));
  const auto refused = second->open_secret(c.one, Context{}, Opener::other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "key_unavailable");
  EXPECT_FALSE(create(*second, named("three"), "value"));
}

TEST(RotateMaster, LetsCallsWaitAndSucceed) {
  Case c;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(create(*c.vault, named("n" + std::to_string(i)), std::to_string(i)));
  }
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0, failures = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        const auto opened = c.vault->open_secret(c.one, Context{}, Opener::other);
        const auto recorded = record_and_wait(*c.vault, event_of("capability.invoke"));
        failures += opened && recorded ? 0 : 1;
        ++calls;
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    const auto rotated = c.rotate(wanted(c.place));
    EXPECT_TRUE(rotated) << rotated.error().message;
    const int seen = calls;
    while (calls < seen + 3) std::this_thread::yield();
  }
  stop = true;
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(failures, 0);
  c.expect_whole(*c.vault);
}

TEST(RotateMaster, KeepsTwoThousandSecretsOfEverySort) {
  const Case c;
  std::map<std::string, std::string> values;  // By id.
  const auto filled = change(*c.vault, [&](Change& change) -> Result<void> {
    for (int i = 0; i < 2000; ++i) {
      auto secret = named("s" + std::to_string(i));
      if (i % 3 == 0) secret.aliases = {"a" + std::to_string(i), "b" + std::to_string(i)};
      if (i % 5 == 0) secret.pinned_provider = "openai";
      const std::string value(static_cast<std::size_t>(1 + i % 97),
                              static_cast<char>('a' + i % 26));
      TRY_ASSIGN(const auto made, change.create_secret(secret, Secret::copy_of(value)));
      if (i % 7 == 0) TRY(change.attach_group(made.id, {"w", "g" + std::to_string(i)}));
      if (i % 11 == 0) {
        TRY(change.revoke_secret(made.id));
      } else {
        values[made.id.str()] = value;
      }
    }
    change.record(event_of("secret.create"));
    return {};
  });
  ASSERT_TRUE(filled) << filled.error().message;
  ASSERT_TRUE(c.rotate(wanted(c.place)));
  for (const auto& [id, value] : values) Case::expect_opens(*c.vault, SecretId(id), value);
  c.expect_whole(*c.vault);
}

}  // namespace
}  // namespace aivault::vault
