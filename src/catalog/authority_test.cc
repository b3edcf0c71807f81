#include "catalog/authority.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "crypto/token.h"
#include "registry/registry.h"
#include "store/database.h"
#include "testing/vault_place.h"

namespace aivault::catalog {
namespace {

using testing::VaultPlace;
using Texts = std::vector<std::string>;

constexpr std::int64_t kAgentUid = 1001;
const UnixMs kNow = from_int(1'000'000);

Agent agent(std::string name, std::optional<std::int64_t> uid, Texts patterns) {
  Agent made;
  made.name = std::move(name);
  made.uid = uid;
  if (uid) made.user = "u" + std::to_string(*uid);
  made.capabilities = std::move(patterns);
  return made;
}

Token token(Texts patterns) {
  Token made;
  made.id = "t1";
  made.capabilities = std::move(patterns);
  made.expires_at = kNow + std::chrono::hours(1);
  return made;
}

// A vault with these agents, as calls see it.
class World {
 public:
  explicit World(std::vector<Agent> agents, DefaultAccess access = DefaultAccess::closed)
      : vault_(place_.open()) {
    change([&](vault::Change& c) -> Result<void> {
      for (const auto& made : agents) TRY(c.put(to_row(made)));
      return c.put(to_row(access, c.now()));
    });
  }

  void change(const std::function<Result<void>(vault::Change&)>& work) {
    const auto done = vault_->change([&](vault::Change& c) -> Result<void> {
      TRY(work(c));
      c.record(testing::event_of("agent.update"));
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  std::shared_ptr<const Snapshot> snapshot() { return catalog_.current(*vault_).value(); }

  struct Who {
    std::int64_t uid = kAgentUid;
    bool operates = false, remote = false;
    std::optional<Token> token{};
    std::string user = "u";  // And the uid.
    UnixMs now = kNow;
  };
  Result<Authority> ask(Who who) {
    auto user = who.user == "u" ? "u" + std::to_string(who.uid) : who.user;
    const Asker asker{.uid = who.uid, .user = user, .operates = who.operates, .remote = who.remote};
    auto shown = who.token ? std::make_shared<const Token>(*std::move(who.token)) : nullptr;
    return authority_of(snapshot(), asker, std::move(shown), who.now);
  }
  // "granted", "hidden", ... or the reason why there is no authority at all.
  std::string judge(Who who, std::string_view capability) {
    const auto authority = ask(std::move(who));
    if (!authority) return authority.error().reason;
    switch (authority->judge(*registry::find_capability(capability))) {
      case Authority::Judgement::granted: return "granted";
      case Authority::Judgement::hidden: return "hidden";
      case Authority::Judgement::outside_token: return "outside token";
      case Authority::Judgement::not_granted: return "not granted";
    }
    return "";
  }

  // The id of the token with which the operator asks, or why it does not serve.
  std::string find(const Secret& value) {
    const Asker asker{.uid = 0, .user = "root", .operates = true};
    const auto found = find_authority(*vault_, catalog_.minted(), snapshot(), asker, &value, kNow);
    return found ? found->token()->id : found.error().reason;
  }
  std::string hash(const Secret& value) { return vault_->token_hash(value).value(); }
  MintedTokens& minted() { return catalog_.minted(); }

  VaultPlace& place() { return place_; }
  void reopen() {
    vault_.reset();
    vault_ = place_.open();
  }

 private:
  VaultPlace place_;
  Catalog catalog_;
  std::unique_ptr<vault::Vault> vault_;
};

std::string emitting() {
  for (const auto& provider : registry::providers()) {
    for (const auto& capability : provider.capabilities) {
      if (capability.emits) return std::string(capability.id);
    }
  }
  return "";
}

TEST(Authority, AsksNobodyButTheOperatorForAGrant) {
  World world({});
  EXPECT_EQ(world.judge({.uid = 0, .operates = true}, "openai/models"), "granted");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true}, emitting()), "granted");
  EXPECT_EQ(world.judge({.uid = 0}, "openai/models"), "agent_not_registered");
}

// Case 38.
TEST(Authority, TreatsPlainMembersByTheDefaultAccess) {
  World open({}, DefaultAccess::open), closed({});
  EXPECT_EQ(open.judge({}, "openai/models"), "granted");
  EXPECT_EQ(open.judge({}, emitting()), "hidden");
  EXPECT_EQ(open.judge({.user = ""}, "openai/models"), "agent_not_registered");
  EXPECT_EQ(closed.judge({}, "openai/models"), "agent_not_registered");
}

// Case 36.
TEST(Authority, HidesFromAnAgentWhatItIsNotGranted) {
  World world({agent("ci", kAgentUid, {"github/*", emitting()})}, DefaultAccess::open);
  EXPECT_EQ(world.judge({}, "github/repos"), "granted");
  EXPECT_EQ(world.judge({}, "openai/models"), "hidden");
  EXPECT_EQ(world.judge({}, emitting()), "granted");
}

TEST(Authority, EnforcesARecordThatGrantsNothingOrHasExpired) {
  auto expired = agent("old", 1002, {"*"});
  expired.expires_at = kNow;
  World world({agent("none", kAgentUid, {}), expired}, DefaultAccess::open);
  EXPECT_EQ(world.judge({}, "openai/models"), "hidden");
  EXPECT_EQ(world.judge({.uid = 1002}, "openai/models"), "agent_expired");
  EXPECT_EQ(world.judge({.uid = 1002, .now = kNow - std::chrono::milliseconds(1)}, "openai/models"),
            "granted");
}

TEST(Authority, DeniesAUidWhoseNameIsNotThatOfItsRecord) {
  World world({agent("ci", kAgentUid, {"*"})}, DefaultAccess::open);
  EXPECT_EQ(world.judge({.user = "other"}, "openai/models"), "agent_not_registered");
  EXPECT_EQ(world.judge({.user = ""}, "openai/models"), "agent_not_registered");
}

TEST(Authority, NarrowsTheOperatorByARecordOfItsOwnUid) {
  World world({agent("me", 0, {"github/*"})});
  EXPECT_EQ(world.judge({.uid = 0, .operates = true}, "github/repos"), "granted");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true}, "openai/models"), "hidden");
}

// Case 30.
TEST(Authority, NarrowsByATokenAndSaysSoToWhoMayKnow) {
  World world({agent("ci", kAgentUid, {"openai/*"})});
  EXPECT_EQ(
      world.judge({.uid = 0, .operates = true, .token = token({"openai/models"})}, "openai/models"),
      "granted");
  EXPECT_EQ(
      world.judge({.uid = 0, .operates = true, .token = token({"openai/models"})}, "github/repos"),
      "outside token");
  EXPECT_EQ(world.judge({.token = token({"openai/models"})}, "openai/chat-completions"),
            "outside token");
  EXPECT_EQ(world.judge({.token = token({})}, "github/repos"), "hidden");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .token = token({"*"})}, emitting()),
            "outside token");
}

// Case 37.
TEST(Authority, GivesATokenNoMoreThanItsHolderHasAtTheMoment) {
  World world({agent("ci", kAgentUid, {"github/*"})});
  EXPECT_EQ(world.judge({.token = token({"*"})}, "openai/models"), "not granted");
  EXPECT_EQ(world.judge({.uid = 1002, .token = token({"*"})}, "openai/models"),
            "agent_not_registered");
  auto of_agent = token({"*"});
  of_agent.agent = "ci 1001";
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .token = of_agent}, "openai/models"),
            "not granted");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .token = of_agent}, "github/repos"),
            "granted");
  of_agent.agent = "gone 1003";
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .token = of_agent}, "github/repos"),
            "agent_not_registered");
}

// Cases 20, 21 and 35.
TEST(Authority, RefusesTokensThatAreExpiredRevokedOrOfSomebodyElse) {
  World world({agent("ci", kAgentUid, {"*"})});
  auto expired = token({"*"});
  expired.expires_at = kNow;
  EXPECT_EQ(world.judge({.token = expired}, "openai/models"), "token_expired");
  auto revoked = expired;
  revoked.revoked_at = kNow;
  EXPECT_EQ(world.judge({.token = revoked}, "openai/models"), "token_revoked");
  auto bound = token({"*"});
  bound.uid = kAgentUid;
  EXPECT_EQ(world.judge({.token = bound}, "openai/models"), "granted");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .token = bound}, "openai/models"),
            "token_binding");
}

TEST(Authority, TakesOverTcpOnlyTokensThatAreOfTheUid) {
  World world({agent("ci", kAgentUid, {"*"})});
  auto bound = token({"*"});
  bound.uid = kAgentUid;
  EXPECT_EQ(world.judge({.remote = true}, "openai/models"), "token_required");
  EXPECT_EQ(world.judge({.uid = 0, .operates = true, .remote = true}, "openai/models"),
            "token_required");
  EXPECT_EQ(world.judge({.remote = true, .token = token({"*"})}, "openai/models"), "token_binding");
  EXPECT_EQ(world.judge({.remote = true, .token = bound}, "openai/models"), "granted");
  EXPECT_EQ(world.judge({.uid = -1, .remote = true, .token = bound}, "openai/models"),
            "token_binding");
}

// Case 64.
TEST(Authority, FixesTheContextByItsRecordsAndLeavesOnlyListedGroups) {
  auto in_w = agent("w", 1001, {"*"});
  in_w.workspace = "W";
  in_w.groups = {"G"};
  auto in_group = agent("g", 1002, {"*"});
  in_group.workspace = "W";
  in_group.group = "H";
  World world({in_w, in_group, agent("none", 1003, {"*"})}, DefaultAccess::open);
  auto with_context = token({"*"});
  with_context.context = {{"workspaceId", "W"}, {"ticket", "7"}};
  struct Row {
    World::Who who;
    const char *workspace, *group;
    std::optional<vault::Context> context;
  };
  using vault::Context;
  const Row rows[] = {
      {{.uid = 0, .operates = true}, "A", "B", Context{"A", "B"}},
      {{.uid = 0, .operates = true}, "", "", Context{}},
      {{.uid = 1001}, "", "", Context{"W", ""}},
      {{.uid = 1001}, "W", "", Context{"W", ""}},
      {{.uid = 1001}, "W", "G", Context{"W", "G"}},
      {{.uid = 1001}, "", "G", Context{"W", "G"}},
      {{.uid = 1001}, "W", "H", std::nullopt},
      {{.uid = 1001}, "B", "", std::nullopt},
      {{.uid = 1002}, "", "", Context{"W", "H"}},
      {{.uid = 1002}, "W", "G", std::nullopt},
      {{.uid = 1003}, "", "", Context{}},
      {{.uid = 1003}, "W", "", std::nullopt},
      {{.uid = 1004}, "", "", Context{}},
      {{.uid = 1004}, "W", "", std::nullopt},
      {{.uid = 1001, .token = with_context}, "", "", Context{"W", ""}},
      {{.uid = 1003, .token = with_context}, "", "", std::nullopt},
      {{.uid = 0, .operates = true, .token = with_context}, "", "", Context{"W", ""}},
      {{.uid = 0, .operates = true, .token = with_context}, "B", "", std::nullopt},
      {{.uid = 0, .operates = true, .token = with_context}, "W", "G", std::nullopt},
      {{.uid = 0, .operates = true, .token = token({"*"})}, "W", "", std::nullopt},
      {{.uid = 1001, .token = token({"*"})}, "", "G", Context{"W", "G"}},
  };
  int row = 0;
  for (const auto& [who, workspace, group, expected] : rows) {
    ++row;
    const auto authority = world.ask(who);
    ASSERT_TRUE(authority) << row << authority.error().message;
    const auto context = authority->context(workspace, group);
    EXPECT_EQ(context ? std::optional(*context) : std::nullopt, expected) << row;
    if (!context) EXPECT_EQ(context.error().message, "context not granted") << row;
  }
  EXPECT_FALSE(world.ask({.uid = 0, .operates = true})->context("", "G"));
}

// Case 48.
TEST(Authority, KeepsToTheCredentialsOfItsTokenAndItsRecord) {
  auto limited = agent("ci", kAgentUid, {"*"});
  limited.credentials = {{"acme", "acme-one"}, {"acme", "acme-two"}};
  World world({limited});
  const auto plain = world.ask({});
  EXPECT_TRUE(plain->check_credential("acme-one", "acme"));
  EXPECT_EQ(plain->check_credential("acme", "acme").error().reason, "unknown_credential");
  EXPECT_TRUE(plain->check_credential("openai", "openai"));
  EXPECT_FALSE(plain->pinned("acme"));
  auto pinned = token({"*"});
  pinned.credentials = {{"acme", "acme-two"}};
  const auto narrower = world.ask({.token = pinned});
  EXPECT_EQ(narrower->pinned("acme"), "acme-two");
  EXPECT_EQ(narrower->check_credential("acme-one", "acme").error().reason, "token_credential");
  EXPECT_TRUE(narrower->check_credential("acme-two", "acme"));
  EXPECT_TRUE(narrower->check_credential("openai", "openai"));
  auto single = token({"*"});
  single.credential = "acme-one";
  const auto only = world.ask({.token = single});
  EXPECT_EQ(only->check_credential("openai", "openai").error().reason, "token_credential");
  EXPECT_TRUE(only->check_credential("acme-one", "acme"));
}

TEST(Authority, IsReadOnlyAndLimitedByEveryRecordItRestsOn) {
  auto reader = agent("reader", std::nullopt, {"*"});
  reader.read_only = true;
  reader.rate_per_minute = 5;
  auto caller = agent("ci", kAgentUid, {"*"});
  caller.rate_per_minute = 7;
  World world({reader, caller});
  auto of_reader = token({"*"});
  of_reader.agent = "reader";
  const auto both = world.ask({.token = of_reader});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_TRUE(both->is_read_only());
  EXPECT_EQ(both->rates().size(), 2U);
  EXPECT_EQ(both->agent()->name, "reader");
  const auto alone = world.ask({});
  EXPECT_FALSE(alone->is_read_only());
  ASSERT_EQ(alone->rates().size(), 1U);
  EXPECT_EQ(alone->rates().front().per_minute, 7);
}

// Case 41.
TEST(Authority, HandsOnOnlyWhatItHolds) {
  World world({agent("ci", kAgentUid, {"openai/*", emitting()})}, DefaultAccess::open);
  const auto held = world.ask({});
  EXPECT_TRUE(held->holds("openai/models"));
  EXPECT_TRUE(held->holds("openai/*"));
  EXPECT_TRUE(held->holds(emitting()));
  EXPECT_FALSE(held->holds("*"));
  EXPECT_FALSE(held->holds("github/repos"));
  EXPECT_TRUE(world.ask({.uid = 1002})->holds("*"));
  EXPECT_TRUE(world.ask({.uid = 0, .operates = true})->holds("*"));
}

TEST(Authority, EndsWithTheFirstOfWhatItRestsOn) {
  auto limited = agent("ci", kAgentUid, {"*"});
  limited.expires_at = kNow + std::chrono::minutes(5);
  World world({limited});
  EXPECT_EQ(world.ask({})->expires_at(), limited.expires_at);
  EXPECT_EQ(world.ask({.token = token({"*"})})->expires_at(), limited.expires_at);
  EXPECT_EQ(world.ask({.uid = 0, .operates = true})->expires_at(), std::nullopt);
}

// Somebody who can write the files and lacks the key.
void tamper(World& world, store::Sql statement) {
  auto database = store::Database::open(world.place().database());
  ASSERT_TRUE(database) << database.error().message;
  ASSERT_TRUE(database->execute("PRAGMA foreign_keys=OFF"));
  ASSERT_TRUE(database->execute(statement));
}

TEST(Authority, DeniesTheUidOfARecordThatCannotBeRead) {
  struct Row {
    store::Sql change;
    const char* what;
  };
  const Row rows[] = {
      {"UPDATE agents SET body = '{\"capabilities\":[\"*\"],\"user\":\"u1001\"}'", "changed"},
      {"UPDATE agents SET expires_at_ms = 1 WHERE name = 'ci'", "expiry changed"},
      {"DELETE FROM agents", "removed"},
      {"UPDATE agents SET id = 'ci 9'", "given to another uid"},
  };
  for (const auto& [statement, what] : rows) {
    World world({agent("ci", kAgentUid, {"github/*"})}, DefaultAccess::open);
    EXPECT_EQ(world.judge({}, "github/repos"), "granted");
    tamper(world, statement);
    world.change([](vault::Change& c) { return c.put(vault::SettingRow{"other", "{}", c.now()}); });
    EXPECT_EQ(world.judge({}, "github/repos"), "agent_not_registered") << what;
    EXPECT_EQ(world.judge({.uid = 1002}, "openai/models"), "granted") << what;
  }
}

TEST(Authority, IsClosedWhereTheSettingCannotBeRead) {
  for (const store::Sql statement : {store::Sql("UPDATE settings SET updated_at_ms = 5 "
                                                "WHERE id = 'access'"),
                                     store::Sql("DELETE FROM settings WHERE id = 'access'")}) {
    World world({}, DefaultAccess::open);
    EXPECT_EQ(world.judge({}, "openai/models"), "granted");
    tamper(world, statement);
    world.change([](vault::Change& c) { return c.put(vault::SettingRow{"other", "{}", c.now()}); });
    EXPECT_EQ(world.judge({}, "openai/models"), "agent_not_registered") << statement.text();
  }
}

TEST(Authority, IsClosedAndDeniesWhereARecordSaysSomethingUnknown) {
  World world({agent("ci", kAgentUid, {"*"})}, DefaultAccess::open);
  world.change([](vault::Change& c) -> Result<void> {
    TRY(c.put(vault::AgentRow{"later", 1002, R"({"user":"u1002","mood":"good"})", {}, {}, {}}));
    return c.put(vault::SettingRow{"access", R"({"defaultAccess":"ajar"})", c.now()});
  });
  EXPECT_EQ(world.judge({.uid = 1002}, "openai/models"), "agent_not_registered");
  EXPECT_EQ(world.judge({.uid = 1003}, "openai/models"), "agent_not_registered");
  EXPECT_EQ(world.judge({}, "openai/models"), "granted");
}

// Cases 19 and 34.
TEST(Authority, FindsATokenByItsHashAlsoAfterTheVaultWasOpenedAgain) {
  World world({});
  const auto value = crypto::make_token();
  EXPECT_EQ(world.find(value), "token_unknown");
  const auto hash = world.hash(value);
  world.change([&](vault::Change& c) { return c.put(to_row(token({"openai/*"}), hash)); });
  EXPECT_EQ(world.find(value), "t1");
  world.reopen();
  EXPECT_EQ(world.find(value), "t1");
  EXPECT_EQ(world.find(crypto::make_token()), "token_unknown");
}

TEST(Authority, KnowsATokenOfThisProcessUntilItIsRevoked) {
  World world({});
  const auto value = crypto::make_token();
  auto own = token({"*"});
  own.uid = 0;
  ASSERT_TRUE(world.minted().add(world.hash(value), own, kNow));
  EXPECT_EQ(world.find(value), "t1");
  EXPECT_EQ(world.minted().last_use("t1"), kNow);
  EXPECT_FALSE(world.minted().revoke("t1", 1002, kNow)) << "of another user";
  EXPECT_TRUE(world.minted().revoke("t1", 0, kNow));
  EXPECT_EQ(world.find(value), "token_revoked");
}

}  // namespace
}  // namespace aivault::catalog
