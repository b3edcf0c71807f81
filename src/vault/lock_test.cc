#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "base/reveal.h"
#include "crypto/passphrase.h"
#include "testing/vault_place.h"
#include "vault/creation.h"
#include "vault/locked.h"
#include "vault/slot.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using testing::create;
using testing::event_of;
using testing::named;
using testing::record_and_wait;
using testing::VaultPlace;

Secret words() { return Secret::copy_of(std::string_view("correct horse battery")); }
Secret other_words() { return Secret::copy_of(std::string_view("wrong horse battery")); }

// A vault with a passphrase, at the lowest cost that is accepted.
class APassphraseVault : public ::testing::Test {
 protected:
  APassphraseVault() {
    const auto root = platform::Directory::open_or_make(place_.root()).value();
    KeyProvider provider;
    provider.kind = KeyProvider::Kind::passphrase;
    provider.cost = crypto::new_passphrase_cost();
    provider.cost.passes = 2;
    provider.cost.memory_kib = 65'536;
    const auto key = crypto::key_from_passphrase(words(), provider.cost);
    EXPECT_TRUE(make_vault_with(root, provider, *key, "operator"));
  }
  std::unique_ptr<Vault> open() {
    const auto passphrase = words();
    auto vault = Vault::open(place_.options(), &passphrase);
    if (!vault) throw std::runtime_error(vault.error().message);
    return std::move(*vault);
  }
  static Result<OpenedSecret> open_secret(Vault& vault, const SecretId& id) {
    return vault.open_secret(id, {}, Opener::other);
  }
  Result<Status> unlock(Slot& slot, std::optional<std::chrono::milliseconds> lasts = {}) {
    const auto passphrase = words();
    return slot.unlock(&passphrase, lasts, who_);
  }
  Result<Status> unlock_wrongly(Slot& slot) {
    const auto passphrase = other_words();
    return slot.unlock(&passphrase, std::nullopt, who_);
  }
  static std::vector<std::string> kinds(Vault& vault) {
    vault.flush();
    const auto records = read(vault, [](Reader& reader) { return reader.audit({}); });
    std::vector<std::string> kinds;
    if (!records) return kinds;
    for (const auto& record : *records) {
      kinds.insert(kinds.begin(), record.event.kind + (record.event.late ? " late" : ""));
    }
    return kinds;
  }

  VaultPlace place_;
  audit::Event who_ = event_of("");
};

TEST_F(APassphraseVault, OpensWithItsPassphraseAlone) {
  const auto locked = Vault::open(place_.options());
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().reason, "vault_locked");
  EXPECT_NE(locked.error().message.find("vault locked"), std::string::npos);
  const auto passphrase = other_words();
  const auto wrong = Vault::open(place_.options(), &passphrase);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, "wrong_key");
  EXPECT_EQ(wrong.error().message,
            "vault provider misconfigured: passphrase: wrong passphrase (decrypt failed)");
  EXPECT_FALSE(open()->status().locked);
}

TEST_F(APassphraseVault, IsClosedToWhoeverStillHoldsItOnceItIsLocked) {
  const auto vault = open();
  const auto id = create(*vault, named("A"), "the-value")->id;
  EXPECT_EQ(open_secret(*vault, id)->value.text(Reveal{}), "the-value");
  const auto kek_id = vault->status().kek_id;
  vault->lock();
  EXPECT_TRUE(vault->is_locked());
  EXPECT_TRUE(vault->status().locked);
  EXPECT_EQ(vault->status().kek_id, kek_id);
  EXPECT_EQ(open_secret(*vault, id).error().reason, "vault_locked");
  EXPECT_EQ(vault->change_counter().error().reason, "vault_locked");
  EXPECT_EQ(create(*vault, named("B"), "x").error().reason, "vault_locked");
  EXPECT_EQ(read(*vault, [&](Reader& r) { return r.secret(id); }).error().reason, "vault_locked");
  EXPECT_EQ(vault->verify_audit(std::nullopt).error().reason, "vault_locked");
}

TEST_F(APassphraseVault, BeginsNoCallAndKeepsRefusalsAndEndsUntilItIsUnlocked) {
  const auto with_outcome = [](const std::string& outcome) {
    auto event = event_of("capability.invoke");
    event.outcome = outcome;
    return event;
  };
  {
    const auto vault = open();
    vault->lock();
    const auto started = record_and_wait(*vault, with_outcome("started"));
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().reason, "vault_locked");
    EXPECT_TRUE(record_and_wait(*vault, with_outcome("denied")));
    EXPECT_TRUE(record_and_wait(*vault, with_outcome("ok")));
  }
  const auto vault = open();
  EXPECT_TRUE(vault->change_counter());
  EXPECT_EQ(
      kinds(*vault),
      (std::vector<std::string>{"vault.init", "capability.invoke late", "capability.invoke late"}));
  EXPECT_TRUE(vault->verify_audit(std::nullopt)->ok);
}

TEST_F(APassphraseVault, ShowsItsRecordsUnverifiedWhileItIsLocked) {
  ASSERT_TRUE(create(*open(), named("A"), "the-value"));
  const auto locked = LockedVault::open(place_.options());
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_TRUE((*locked)->status().locked);
  EXPECT_EQ((*locked)->status().provider_type, "passphrase");
  EXPECT_EQ((*locked)->status().kek_id, open()->status().kek_id);
  std::vector<std::string> names;
  ASSERT_TRUE((*locked)->read([&](Reader& reader) -> Result<void> {
    std::vector<Problem> damaged;
    TRY_ASSIGN(const auto secrets, reader.secrets({}, std::nullopt, 10, damaged));
    for (const auto& secret : secrets) names.push_back(secret.name);
    EXPECT_TRUE(damaged.empty());
    EXPECT_EQ(reader.audit({})->size(), 2U);
    return {};
  }));
  EXPECT_EQ(names, std::vector<std::string>{"A"});
}

TEST_F(APassphraseVault, IsUnlockedForEverybodyUntilItIsLocked) {
  Slot slot(place_.options());
  EXPECT_EQ(slot.get().error().reason, "vault_locked");
  EXPECT_EQ(slot.get_or_create().error().reason, "vault_locked");
  const auto missing = slot.unlock(nullptr, std::nullopt, who_);
  EXPECT_EQ(missing.error().message, "provide --passphrase or --passphrase-file");
  EXPECT_EQ(unlock_wrongly(slot).error().reason, "wrong_key");
  EXPECT_EQ(slot.peek(), nullptr);
  const auto status = unlock(slot);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_FALSE(status->locked);
  EXPECT_TRUE(slot.is_unlocked());
  EXPECT_EQ(slot.unlocked_until(), std::nullopt);
  const auto vault = slot.peek();
  ASSERT_TRUE(vault);
  // A wrong one leaves an open vault open.
  EXPECT_EQ(unlock_wrongly(slot).error().reason, "wrong_key");
  EXPECT_EQ(slot.peek(), vault);
  const auto locked = slot.lock(who_);
  ASSERT_TRUE(locked) << locked.error().message;
  EXPECT_TRUE(locked->locked);
  EXPECT_TRUE(vault->is_locked());
  EXPECT_EQ(slot.peek(), nullptr);
  EXPECT_EQ(slot.get().error().reason, "vault_locked");
  EXPECT_FALSE(slot.is_unlocked());
  ASSERT_TRUE(unlock(slot));
  EXPECT_EQ(kinds(**slot.get()),
            (std::vector<std::string>{"vault.init",
                                      "vault.unlock_failed late",
                                      "vault.unlock",
                                      "vault.unlock_failed",
                                      "vault.lock",
                                      "vault.unlock"}));
}

TEST_F(APassphraseVault, LocksItselfWhenItsTimeIsOver) {
  Slot slot(place_.options());
  std::vector<Slot::Deadline> deadlines;
  slot.on_deadline([&](Slot::Deadline deadline) { deadlines.push_back(deadline); });
  int forgotten = 0;
  slot.on_lock([&] { ++forgotten; });
  ASSERT_TRUE(unlock(slot, 1h));
  EXPECT_TRUE(slot.unlocked_until());
  ASSERT_TRUE(unlock(slot, 50ms));  // The later one counts.
  const auto vault = slot.peek();
  while (slot.peek()) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(slot.get().error().reason, "vault_locked");  // Before any timer has rung.
  slot.lock_overdue();
  EXPECT_EQ(forgotten, 1);
  if (vault) EXPECT_TRUE(vault->is_locked());
  ASSERT_EQ(deadlines.size(), 2U);
  EXPECT_LT(*deadlines[1], *deadlines[0]);
  slot.lock_overdue();
  EXPECT_EQ(forgotten, 1);
  for (const auto wrong : {0ms, -1ms, std::chrono::milliseconds(std::chrono::hours(24 * 400))}) {
    EXPECT_EQ(unlock(slot, wrong).error().reason, "record_invalid");
  }
}

TEST_F(APassphraseVault, AnswersWrongPassphrasesEverLater) {
  Slot slot(place_.options());
  const auto took = [&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(unlock_wrongly(slot).error().reason, "wrong_key");
    return std::chrono::steady_clock::now() - start;
  };
  for (int i = 0; i < 4; ++i) took();
  EXPECT_GE(took(), 1s);
  EXPECT_GE(took(), 2s);
  ASSERT_TRUE(unlock(slot));  // The right one is not made to wait, and begins anew.
  std::thread waiting([&] {
    for (int i = 0; i < 12; ++i) EXPECT_FALSE(unlock_wrongly(slot));
  });
  slot.stop();  // The process ends.
  waiting.join();
}

TEST_F(APassphraseVault, IsLockedForThisProcessWhenAnotherGivesItANewPassphrase) {
  const auto here = open();
  const auto id = create(*here, named("A"), "the-value")->id;
  {
    const auto there = open();
    NewMaster wanted;
    wanted.passphrase = other_words();
    const auto rotated = there->rotate_master(std::move(wanted), who_);
    ASSERT_TRUE(rotated) << rotated.error().message;
  }
  EXPECT_EQ(open_secret(*here, id).error().reason, "vault_locked");
  EXPECT_TRUE(here->is_locked());
  const auto passphrase = other_words();
  const auto again = Vault::open(place_.options(), &passphrase);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(open_secret(**again, id)->value.text(Reveal{}), "the-value");
}

TEST(ASlot, LocksAVaultWithAKeyFileUntilItsNextUse) {
  const VaultPlace place;
  const auto who = event_of("");
  Slot slot(place.options());
  EXPECT_EQ(slot.lock(who).error().reason, "not_initialised");
  EXPECT_EQ(slot.unlock(nullptr, std::nullopt, who).error().reason, "not_initialised");
  const auto before = *slot.get_or_create();
  EXPECT_FALSE(slot.is_unlocked());
  const auto status = slot.unlock(nullptr, std::nullopt, who);  // Nothing to do.
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(slot.peek(), before);
  EXPECT_TRUE(slot.lock(who)->locked);
  EXPECT_TRUE(before->is_locked());
  EXPECT_EQ(slot.peek(), nullptr);
  ASSERT_TRUE(slot.get());
  EXPECT_NE(slot.peek(), before);
  ASSERT_TRUE(slot.lock(who));
  std::filesystem::remove(place.key_file());
  EXPECT_EQ(slot.get().error().reason, "key_unavailable");
}

TEST_F(APassphraseVault, KeepsWhatWasRefusedBeforeTheFirstUnlock) {
  Slot slot(place_.options());
  auto refused = event_of("capability.invoke");
  refused.outcome = "denied";
  EXPECT_TRUE(slot.note_refusal(refused));
  EXPECT_FALSE(slot.note_refusal(refused));  // The first one has said so already.
  slot.write_refusals();
  ASSERT_TRUE(unlock(slot));
  const auto found = kinds(**slot.get());
  EXPECT_EQ(std::ranges::count(found, "capability.invoke late"), 1);  // With a count of 2.
}

}  // namespace
}  // namespace aivault::vault
