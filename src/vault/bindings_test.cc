// Bindings and group attachments, as rows of the vault.
#include <gtest/gtest.h>

#include "base/reveal.h"
#include "testing/vault_place.h"
#include "vault/secret_rules.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;

const Scope kWorkspace{Scope::Kind::workspace, "w1", ""};
const Scope kGroup{Scope::Kind::group, "w1", "g1"};

class Bindings : public ::testing::Test {
 protected:
  Result<void> put(const BindingRow& binding) {
    return change(*vault, [&](Change& c) -> Result<void> {
      c.record(event_of("capability.bind"));
      return c.put(binding);
    });
  }
  std::vector<BindingRow> all() {
    std::vector<Problem> damaged;
    auto found = read(*vault, [&](Reader& r) { return r.bindings(damaged); });
    EXPECT_TRUE(found);
    EXPECT_TRUE(damaged.empty());
    return *found;
  }
  Result<SecretRecord> attach(const SecretId& id, const Attachment& group) {
    return change(*vault, [&](Change& c) {
      c.record(event_of("secret.attach"));
      return c.attach_group(id, group);
    });
  }
  Result<SecretRecord> detach(const SecretId& id, const Attachment& group) {
    return change(*vault, [&](Change& c) {
      c.record(event_of("secret.detach"));
      return c.detach_group(id, group);
    });
  }
  Result<SecretRecord> revoke(const SecretId& id) {
    return change(*vault, [&](Change& c) {
      c.record(event_of("secret.revoke"));
      return c.revoke_secret(id);
    });
  }
  void reopen() {
    vault.reset();
    vault = place.open();
  }

  VaultPlace place;
  std::unique_ptr<Vault> vault = place.open();
  SecretId first = create(*vault, named("first"), "first value")->id;
  SecretId second = create(*vault, named("second"), "second value")->id;
};

TEST_F(Bindings, AreKeptUnderTheirKey) {
  ASSERT_TRUE(put({"acme/items", kGroup, "ci", first, from_int(5)}));
  ASSERT_TRUE(put({"acme/items", kWorkspace, "", first, from_int(6)}));
  reopen();
  const auto found = read(*vault, [](Reader& r) { return r.binding("acme/items group:w1:g1 ci"); });
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->capability, "acme/items");
  EXPECT_EQ((*found)->scope, kGroup);
  EXPECT_EQ((*found)->consumer, "ci");
  EXPECT_EQ((*found)->secret_id, first);
  EXPECT_EQ((*found)->updated_at, from_int(5));
  EXPECT_FALSE(*read(*vault, [](Reader& r) { return r.binding("acme/items global"); }));
  const auto users = read(*vault, [&](Reader& r) { return r.bindings_of_secret(first); });
  ASSERT_EQ(users->size(), 2U);
  EXPECT_EQ((*users)[0].id(), "acme/items group:w1:g1 ci");
  EXPECT_EQ((*users)[1].id(), "acme/items workspace:w1");
  EXPECT_TRUE(read(*vault, [&](Reader& r) { return r.bindings_of_secret(second); })->empty());
  EXPECT_EQ(capability_of_binding("acme/items workspace:w1 a b"), "acme/items");
}

TEST_F(Bindings, OfTheSameKeyAreReplaced) {
  ASSERT_TRUE(put({"acme/items", kGroup, "ci", first, from_int(5)}));
  ASSERT_TRUE(put({"acme/items", kGroup, "ci", second, from_int(6)}));
  ASSERT_TRUE(put({"acme/items", kGroup, "", first, from_int(7)}));
  const auto bindings = all();
  ASSERT_EQ(bindings.size(), 2U);
  EXPECT_EQ(bindings[1].secret_id, second);
}

TEST_F(Bindings, NeedALiveSecretAndAWellFormedKey) {
  const auto reason = [&](const BindingRow& row) {
    const auto done = put(row);
    return done ? std::string() : done.error().reason;
  };
  EXPECT_EQ(reason({"acme/items", {}, "", SecretId("0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44"), {}}),
            "not_found");
  EXPECT_EQ(reason({"", {}, "", first, {}}), "record_invalid");
  EXPECT_EQ(reason({"a b", {}, "", first, {}}), "record_invalid");
  EXPECT_EQ(reason({"a/b", {}, "x\ny", first, {}}), "record_invalid");
  EXPECT_EQ(reason({"a/b", {}, std::string(257, 'x'), first, {}}), "record_invalid");
  EXPECT_EQ(reason({"a/b", {Scope::Kind::group, "w", ""}, "", first, {}}), "record_invalid");
  ASSERT_TRUE(revoke(first));
  EXPECT_EQ(reason({"acme/items", {}, "", first, {}}), "secret_missing");
  EXPECT_TRUE(all().empty());
}

TEST_F(Bindings, AreRemovedOnce) {
  ASSERT_TRUE(put({"acme/items", {}, "", first, {}}));
  for (const bool there : {true, false}) {
    const auto removed = change(*vault, [&](Change& c) -> Result<bool> {
      c.record(event_of("capability.unbind"));
      return c.remove_binding("acme/items global");
    });
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, there);
  }
  EXPECT_TRUE(all().empty());
}

TEST_F(Bindings, GoWithTheirSecret) {
  ASSERT_TRUE(put({"acme/items", {}, "", first, {}}));
  ASSERT_TRUE(put({"acme/items", kGroup, "ci", first, {}}));
  ASSERT_TRUE(put({"acme/other", {}, "", second, {}}));
  ASSERT_TRUE(revoke(first));
  reopen();
  const auto left = all();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].secret_id, second);
}

TEST_F(Bindings, GoWithASystemSecretToo) {
  auto system = named("__aivault_x");
  system.system_managed = true;
  const auto id = create(*vault, system, "x")->id;
  ASSERT_TRUE(put({"acme/items", {}, "", id, {}}));
  ASSERT_TRUE(change(*vault, [&](Change& c) -> Result<void> {
    c.record(event_of("secret.revoke"));
    return c.erase_system_secret(id);
  }));
  EXPECT_TRUE(all().empty());
}

TEST_F(Bindings, GroupsAreAttachedAndDetachedAnyNumberOfTimes) {
  const Attachment group{"w2", "g2"};
  EXPECT_FALSE(vault->open_secret(first, {"w2", "g2"}, Opener::other));
  for (int i = 0; i < 2; ++i) {
    const auto attached = attach(first, group);
    ASSERT_TRUE(attached) << attached.error().message;
    ASSERT_EQ(attached->attached.size(), 1U);
    EXPECT_EQ(attached->attached[0], group);
  }
  ASSERT_TRUE(attach(first, {"w2", "g1"}));
  reopen();
  const auto found = read(*vault, [&](Reader& r) { return r.secret(first); });
  ASSERT_EQ((*found)->attached.size(), 2U);
  EXPECT_EQ((*found)->attached[0].group, "g1");
  EXPECT_TRUE(vault->open_secret(first, {"w2", "g2"}, Opener::other));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(detach(first, group)->attached.size(), 1U);
  EXPECT_FALSE(vault->open_secret(first, {"w2", "g2"}, Opener::other));
  EXPECT_TRUE(vault->open_secret(first, {"w2", "g1"}, Opener::other));

  EXPECT_EQ(attach(first, {"", "g"}).error().reason, "record_invalid");
  EXPECT_EQ(attach(first, {"w", "a:b"}).error().reason, "record_invalid");
  ASSERT_TRUE(revoke(first));
  EXPECT_EQ(attach(first, group).error().reason, "secret_missing");
  EXPECT_EQ(detach(first, group).error().reason, "secret_missing");
}

TEST_F(Bindings, ASecretHasAtMost1024Groups) {
  const auto done = change(*vault, [&](Change& c) -> Result<void> {
    c.record(event_of("secret.attach"));
    for (std::size_t i = 0; i < kMaxAttachments; ++i) {
      TRY(c.attach_group(first, {"w", "g" + std::to_string(i)}));
    }
    return {};
  });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(attach(first, {"w", "g7"}));
  EXPECT_EQ(attach(first, {"w", "one-more"}).error().reason, "record_invalid");
}

// What another vault knew of a secret.
SecretRecord kept_record() {
  SecretRecord kept;
  kept.id = SecretId("0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44");
  kept.name = "OLD_KEY";
  kept.aliases = {"zz", "old", "old"};
  kept.scope = kWorkspace;
  kept.pinned_provider = "acme";
  kept.value_version = 7;
  kept.created_at = from_int(100);
  kept.updated_at = from_int(300);
  kept.value_changed_at = from_int(200);
  kept.rotate_every_days = 30;
  kept.attached = {{"w2", "g"}, {"w2", "a"}, {"w2", "g"}};
  return kept;
}

class Imports : public Bindings {
 protected:
  Result<SecretRecord> import(const SecretRecord& kept, std::string_view value = "old value") {
    return change(*vault, [&](Change& c) {
      c.record(event_of("vault.import"));
      return c.import_secret(kept, Secret::copy_of(value), Change::SameId::refused);
    });
  }
};

TEST_F(Imports, KeepWhatTheOtherVaultKnew) {
  const auto kept = kept_record();
  const auto imported = import(kept);
  ASSERT_TRUE(imported) << imported.error().message;
  reopen();
  const auto found = *read(*vault, [&](Reader& r) { return r.secret(kept.id); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "OLD_KEY");
  EXPECT_EQ(found->aliases, (std::vector<std::string>{"old", "zz"}));
  EXPECT_EQ(found->scope, kWorkspace);
  EXPECT_EQ(found->pinned_provider, "acme");
  EXPECT_EQ(found->value_version, 7);
  EXPECT_EQ(found->created_at, from_int(100));
  EXPECT_EQ(found->updated_at, from_int(300));
  EXPECT_EQ(found->value_changed_at, from_int(200));
  EXPECT_EQ(found->rotate_every_days, 30);
  EXPECT_EQ(found->attached, (std::vector<Attachment>{{"w2", "a"}, {"w2", "g"}}));
  const auto opened = vault->open_secret(kept.id, {"w1", ""}, Opener::other);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.text(Reveal{}), "old value");
}

TEST_F(Imports, KeepARevokedSecretWithoutValueAndNames) {
  auto kept = kept_record();
  kept.revoked_at = from_int(400);
  ASSERT_TRUE(import(kept, ""));
  reopen();
  const auto found = *read(*vault, [&](Reader& r) { return r.secret(kept.id); });
  EXPECT_EQ(found->revoked_at, from_int(400));
  EXPECT_TRUE(found->aliases.empty());
  EXPECT_TRUE(found->attached.empty());
  EXPECT_EQ(vault->open_secret(kept.id, {"w1", ""}, Opener::other).error().reason,
            "secret_missing");
  auto again = named("OLD_KEY");
  again.scope = kWorkspace;
  EXPECT_TRUE(create(*vault, again, "free"));
}

TEST_F(Imports, ReplaceASecretOfTheSameIdAltogetherWhenAsked) {
  ASSERT_TRUE(import(kept_record()));
  const auto replace = [&](const SecretRecord& kept, std::string_view value) {
    return change(*vault, [&](Change& c) {
      c.record(event_of("vault.import"));
      return c.import_secret(kept, Secret::copy_of(value), Change::SameId::replaced);
    });
  };
  auto kept = kept_record();
  kept.scope = {};
  kept.created_at = from_int(1);
  kept.attached.clear();
  ASSERT_TRUE(replace(kept, "another value"));
  reopen();
  const auto opened = vault->open_secret(kept.id, {}, Opener::other);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.text(Reveal{}), "another value");
  EXPECT_EQ(opened->record.created_at, from_int(1));
  EXPECT_TRUE(opened->record.attached.empty());

  ASSERT_TRUE(put({"acme/items", {}, "", kept.id, {}}));
  kept.revoked_at = from_int(400);
  ASSERT_TRUE(replace(kept, ""));
  reopen();
  EXPECT_EQ(vault->open_secret(kept.id, {}, Opener::other).error().reason, "secret_missing");
  EXPECT_TRUE(all().empty());
  for (const auto& check : vault->examine()) {
    if (check.id == "row-seals") EXPECT_EQ(check.state, Vault::Check::State::ok) << check.detail;
  }
}

TEST_F(Imports, RefuseWhatIsTakenOrMalformed) {
  ASSERT_TRUE(import(kept_record()));
  const auto reason = [&](auto alter, std::string_view value = "x") {
    auto kept = kept_record();
    kept.id = SecretId("11111111-3d0a-4c57-9a2e-8f5f3a1d2c44");
    kept.name = "OTHER";
    kept.aliases.clear();
    alter(kept);
    const auto done = import(kept, value);
    return done ? std::string() : done.error().reason;
  };
  EXPECT_EQ(reason([](auto& k) { k.id = kept_record().id; }), "exists");
  EXPECT_EQ(reason([](auto& k) { k.name = "OLD_KEY"; }), "exists");
  EXPECT_EQ(reason([](auto& k) { k.aliases = {"old"}; }), "exists");
  EXPECT_EQ(reason([](auto& k) { k.id = SecretId("not a uuid"); }), "record_invalid");
  EXPECT_EQ(reason([](auto& k) { k.name = "__aivault_x"; }), "record_invalid");
  EXPECT_EQ(reason([](auto& k) { k.system_managed = true; }), "record_invalid");
  EXPECT_EQ(reason([](auto& k) { k.value_version = 0; }), "record_invalid");
  EXPECT_EQ(reason([](auto& k) { k.scope.group = "g"; }), "record_invalid");
  EXPECT_EQ(reason([](auto& k) { k.attached = {{"w", ""}}; }), "record_invalid");
  EXPECT_EQ(reason([](auto&) {}, ""), "record_invalid");
  EXPECT_EQ(reason([](auto&) {}), "");
}

}  // namespace
}  // namespace aivault::vault
