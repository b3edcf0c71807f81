// Secrets of one vault: made, changed, revoked, listed, opened.
#include "vault/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/reveal.h"
#include "testing/vault_place.h"

namespace aivault::vault {
namespace {

using namespace std::chrono_literals;
using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::find;
using aivault::testing::message_of;
using aivault::testing::named;
using aivault::testing::open_globally;
using aivault::testing::record_and_wait;
using aivault::testing::recorded;
using aivault::testing::VaultPlace;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

TEST(Vault, KeepsSecretsOverReopening) {
  const VaultPlace place;
  SecretId id;
  {
    const auto vault = place.open();
    const auto record = create(*vault, named("DEMO_KEY"), "sk-test");
    ASSERT_TRUE(record) << record.error().message;
    id = record->id;
  }
  const auto vault = place.open();
  const auto opened = open_globally(*vault, id);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.text(Reveal{}), "sk-test");
  EXPECT_EQ(opened->record.name, "DEMO_KEY");
  EXPECT_TRUE(record_and_wait(*vault, event_of("capability.invoke")));
  const auto verified = vault->verify_audit(std::nullopt);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_TRUE(verified->ok);
  EXPECT_EQ(verified->events, 3);
  for (const auto& check : vault->examine()) {
    EXPECT_EQ(check.state, Vault::Check::State::ok) << check.id << ": " << check.detail;
  }
}

TEST(Vault, MakesPrivateFilesOnly) {
  const VaultPlace place;
  const auto vault = place.open();
  ASSERT_TRUE(create(*vault, named("A"), "value"));
  const auto mode = [](const std::string& path) {
    struct stat facts{};
    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  };
  EXPECT_EQ(mode(place.root()), 0700U);
  EXPECT_EQ(mode(place.base() + "/keys"), 0700U);
  EXPECT_EQ(mode(place.key_file()), 0600U);
  for (const char* name :
       {"vault.json", "vault.db", "vault.db-wal", "vault.db-shm", "vault.lock"}) {
    EXPECT_EQ(mode(place.root() + "/" + name), 0600U) << name;
  }
}

TEST(Vault, RotatesUnderANewVersion) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "first")->id;
  const auto rotate = [&](std::string_view value, std::optional<std::int64_t> expected) {
    return recorded(
        *vault, [&](Change& c) { return c.rotate_secret(id, Secret::copy_of(value), expected); });
  };
  EXPECT_EQ(rotate("second", 1)->value_version, 2);
  EXPECT_EQ(open_globally(*vault, id)->value.text(Reveal{}), "second");
  EXPECT_EQ(message_of(rotate("third", 1)), "changed: the secret has changed meanwhile");
  EXPECT_EQ(open_globally(*vault, id)->record.value_version, 2);
  EXPECT_EQ(rotate("third", std::nullopt)->value_version, 3);
}

TEST(Vault, RevokesForGoodAndFreesTheNames) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.aliases = {"alias"};
  const auto id = create(*vault, secret, "value")->id;
  const auto revoke = [&] {
    return recorded(*vault, [&](Change& c) { return c.revoke_secret(id); });
  };
  const auto revoked = revoke();
  ASSERT_TRUE(revoked) << revoked.error().message;
  EXPECT_TRUE(revoked->revoked_at);
  EXPECT_TRUE(revoked->aliases.empty());
  EXPECT_EQ(revoke()->revoked_at, revoked->revoked_at);  // Again: nothing changes.
  EXPECT_EQ(message_of(open_globally(*vault, id)), "secret_missing: secret revoked");
  EXPECT_EQ(message_of(recorded(*vault,
                                [&](Change& c) {
                                  return c.rotate_secret(id, Secret::copy_of("x"), std::nullopt);
                                })),
            "secret_missing: secret revoked");
  EXPECT_TRUE(create(*vault, named("A"), "value"));
  EXPECT_TRUE(create(*vault, named("alias"), "value"));
  EXPECT_EQ((*find(*vault, id))->name, "A");
}

TEST(Vault, KeepsNamesAndAliasesUniqueInOneScope) {
  const VaultPlace place;
  const auto vault = place.open();
  auto first = named("A");
  first.aliases = {" c ", "b", "", "b"};
  const auto made = create(*vault, first, "value");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->aliases, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(message_of(create(*vault, named("A"), "x")), "exists: secret name 'A' already exists");
  EXPECT_EQ(message_of(create(*vault, named("b"), "x")), "exists: secret name 'b' already exists");
  auto clashing = named("B");
  clashing.aliases = {"A"};
  EXPECT_EQ(message_of(create(*vault, clashing, "x")),
            "exists: alias 'A' conflicts with an existing name");
  auto elsewhere = named("A");
  elsewhere.scope = {Scope::Kind::workspace, "W", ""};
  EXPECT_TRUE(create(*vault, elsewhere, "x"));

  const auto by_alias = read(*vault, [](Reader& r) { return r.secret_by_name({}, "c"); });
  ASSERT_TRUE(by_alias && *by_alias);
  EXPECT_EQ((*by_alias)->id, made->id);

  SecretUpdate update;
  update.name = "Z";
  update.aliases = std::vector<std::string>{"b", "A"};  // Its own former name is free for it.
  const auto updated =
      recorded(*vault, [&](Change& c) { return c.update_secret(made->id, update); });
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(updated->aliases, (std::vector<std::string>{"A", "b"}));
  EXPECT_FALSE(*read(*vault, [](Reader& r) { return r.secret_by_name({}, "c"); }));
}

TEST(Vault, RefusesWhatIsOverTheLimits) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto with_aliases = [](int count) {
    auto secret = named("A");
    for (int i = 0; i < count; ++i) secret.aliases.push_back("alias" + std::to_string(i));
    return secret;
  };
  struct Row {
    NewSecret secret;
    std::string value, marker;
  };
  auto bad_scope = named("A");
  bad_scope.scope = {Scope::Kind::group, "W", ""};
  const Row rows[] = {
      {named(" "), "x", "secret name is required"},
      {named(std::string(257, 'a')), "x", "1 to 256 bytes"},
      {named("a\nb"), "x", "control"},
      {named("\xFF"), "x", "UTF-8"},
      {named("__aivault_x"), "x", "reserved"},
      {named("A"), "", "must not be empty"},
      {named("A"), std::string(1'048'577, 'x'), "1048576"},
      {with_aliases(33), "x", "32 aliases"},
      {bad_scope, "x", "scope"},
  };
  for (const auto& row : rows) {
    const auto outcome = create(*vault, row.secret, row.value);
    ASSERT_FALSE(outcome) << row.marker;
    EXPECT_NE(outcome.error().message.find(row.marker), std::string::npos)
        << outcome.error().message;
  }
  const std::string largest(1'048'576, '\0');
  const auto made = create(*vault, with_aliases(32), largest);
  ASSERT_TRUE(made);
  EXPECT_EQ(open_globally(*vault, made->id)->value.text(Reveal{}), largest);
}

TEST(Vault, UndoesAChangeThatFails) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto before = read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); });
  const auto outcome = change(*vault, [](Change& c) -> Result<void> {
    TRY(c.create_secret(named("A"), Secret::copy_of("x")));
    c.record(event_of("secret.create"));
    return invalid_request("record_invalid", "no");
  });
  EXPECT_EQ(message_of(outcome), "record_invalid: no");
  EXPECT_THROW((void)change(*vault,
                            [](Change& c) -> Result<void> {
                              TRY(c.create_secret(named("A"), Secret::copy_of("x")));
                              throw std::runtime_error("broken");
                            }),
               std::runtime_error);
  const auto unrecorded = change(*vault, [](Change& c) -> Result<void> {
    TRY(c.create_secret(named("A"), Secret::copy_of("x")));
    return {};
  });
  EXPECT_EQ(unrecorded.error().reason, "audit_unavailable");
  EXPECT_EQ(*read(*vault, [](Reader& r) -> Result<std::int64_t> { return r.counter(); }), *before);
  EXPECT_TRUE(create(*vault, named("A"), "x"));
}

TEST(Vault, ExpiresForGood) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.expires_at = now() + 1h;
  const auto id = create(*vault, secret, "x")->id;
  EXPECT_TRUE(open_globally(*vault, id));
  SecretUpdate update;
  update.expires_at = std::optional(now() - 1ms);
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.update_secret(id, update); }));
  EXPECT_EQ(message_of(open_globally(*vault, id)), "secret_expired: secret expired");
  update.expires_at = std::optional<UnixMs>();
  ASSERT_TRUE(recorded(*vault, [&](Change& c) { return c.update_secret(id, update); }));
  EXPECT_TRUE(open_globally(*vault, id));
}

TEST(Vault, OpensInTheRightContextOnly) {
  const VaultPlace place;
  const auto vault = place.open();
  auto secret = named("A");
  secret.scope = {Scope::Kind::workspace, "W", ""};
  const auto id = create(*vault, secret, "x")->id;
  EXPECT_TRUE(vault->open_secret(id, {"W", ""}, Opener::other));
  EXPECT_EQ(message_of(vault->open_secret(id, {}, Opener::other)),
            "secret_not_accessible: secret not accessible");
  EXPECT_EQ(message_of(open_globally(*vault, SecretId("00000000-0000-4000-8000-000000000000"))),
            "secret_missing: secret not found");
}

TEST(Vault, PinsOnceAndReseals) {
  const VaultPlace place;
  const auto vault = place.open();
  const auto id = create(*vault, named("A"), "x")->id;
  SecretUpdate update;
  update.pinned_provider = "openai";
  const auto pin = [&] {
    return recorded(*vault, [&](Change& c) { return c.update_secret(id, update); });
  };
  EXPECT_EQ(pin()->pinned_provider, "openai");
  EXPECT_EQ(open_globally(*vault, id)->value.text(Reveal{}), "x");
  EXPECT_TRUE(pin());
  update.pinned_provider = "other";
  EXPECT_EQ(message_of(pin()), "record_invalid: pinned to provider openai");
}

TEST(Vault, ListsSecretsInPages) {
  const VaultPlace place;
  const auto vault = place.open();
  for (const char* name : {"d", "B", "a", "c"}) ASSERT_TRUE(create(*vault, named(name), "x"));
  auto elsewhere = named("e");
  elsewhere.scope = {Scope::Kind::workspace, "W", ""};
  ASSERT_TRUE(create(*vault, elsewhere, "x"));
  std::vector<std::string> names;
  std::vector<Problem> damaged;
  std::optional<Reader::After> after;
  while (true) {
    const auto page = read(*vault, [&](Reader& r) { return r.secrets({}, after, 2, damaged); });
    ASSERT_TRUE(page);
    for (const auto& record : *page) names.push_back(record.name);
    if (page->size() < 2) break;
    after = Reader::After{page->back().name, page->back().id.str()};
  }
  EXPECT_EQ(names, (std::vector<std::string>{"B", "a", "c", "d", "e"}));
  SecretFilter filter;
  filter.kind = Scope::Kind::workspace;
  EXPECT_EQ(
      read(*vault, [&](Reader& r) { return r.secrets(filter, std::nullopt, 9, damaged); })->size(),
      1U);
  filter.workspace = "V";
  EXPECT_EQ(
      read(*vault, [&](Reader& r) { return r.secrets(filter, std::nullopt, 9, damaged); })->size(),
      0U);
}

}  // namespace
}  // namespace aivault::vault
