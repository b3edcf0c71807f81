// Which key a call carries: the credential's own one, or the one that is bound to the capability.
#include <gtest/gtest.h>

#include "broker/call_stage_test.h"

namespace aivault::broker {
namespace {

using testing::kWorldSecret;
using testing::response;
using vault::Scope;

const Scope kGlobal;
const Scope kWorkspace{Scope::Kind::workspace, "w", ""};
const Scope kGroup{Scope::Kind::group, "w", "g"};

// The upstream keeps the key that arrived last.
class BoundCalls : public ::testing::Test {
 protected:
  explicit BoundCalls(const registry::AuthSpec& auth = registry::HeaderAuth())
      : stage(
            [this](TlsPeer& peer) {
              for (std::string head; !(head = peer.read_head()).empty();) {
                const std::string_view mark = "authorization: Bearer ";
                const auto at = head.find(mark);
                key = at == std::string::npos
                          ? head.substr(0, head.find('\r'))
                          : head.substr(at + mark.size(), head.find('\r', at) - at - mark.size());
                peer.write(response("ok"));
              }
            },
            auth) {}

  SecretId make_secret(const std::string& name,
                       const std::string& value,
                       const Scope& scope = kGlobal,
                       const std::optional<std::string>& pin = std::nullopt) {
    auto wanted = testing::named(name);
    wanted.scope = scope;
    wanted.pinned_provider = pin;
    return testing::create(stage.world.vault(), wanted, value)->id;
  }
  template <typename Work>
  void change(Work work) {
    const auto done = stage.world.vault().change([&](vault::Change& c) -> Result<void> {
      c.record(testing::event_of("capability.bind"));
      TRY(work(c));
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void bind(const SecretId& secret, const Scope& scope = kGlobal, const std::string& who = "") {
    change([&](vault::Change& c) {
      return c.put(vault::BindingRow{kCapability, scope, who, secret, {}});
    });
  }
  void attach(const SecretId& secret) {
    change([&](vault::Change& c) { return c.attach_group(secret, {"w", "g"}); });
  }
  void attach_own() {
    change([&](vault::Change& c) -> Result<void> {
      TRY_ASSIGN(const auto row, c.credential("acme"));
      TRY(c.attach_group(*row->secret_id, {"w", "g"}));
      return {};
    });
  }

  // The key that arrived, or the reason of the refusal.
  std::string call(const std::string& workspace = "",
                   const std::string& group = "",
                   const std::string& user = "ann") {
    key.clear();
    auto wanted = stage.call();
    wanted.caller.user = user;
    wanted.workspace = workspace;
    wanted.group = group;
    outcome = stage.run(std::move(wanted));
    return outcome.error ? outcome.error->reason : key;
  }

  static constexpr const char* kCapability = "acme/things";
  std::string key;
  Outcome outcome;
  Stage stage;
};

TEST_F(BoundCalls, CarryTheBoundKeyFromTheNextCallOn) {
  EXPECT_EQ(call(), kWorldSecret);
  const auto bound = make_secret("BOUND", "bound-key-0001");
  EXPECT_EQ(call(), kWorldSecret);
  bind(bound);
  EXPECT_EQ(call(), "bound-key-0001");
  const auto event = stage.events().back();
  EXPECT_EQ(event.secret_id, bound.str());
  EXPECT_EQ(event.credential, "acme");
  EXPECT_EQ(event.consumer, "ann");
  EXPECT_EQ(event.note, "binding acme/things global");
  const auto other = make_secret("OTHER", "other-key-0001");
  bind(other);
  EXPECT_EQ(call(), "other-key-0001");
  change([](vault::Change& c) { return c.remove_binding("acme/things global"); });
  EXPECT_EQ(call(), kWorldSecret);
  EXPECT_EQ(stage.events().back().consumer, "");
}

// Case 67.
TEST_F(BoundCalls, TakeTheNarrowestScopeAndThenTheConsumer) {
  attach_own();
  const std::vector<std::tuple<const char*, Scope, const char*>> rows = {
      {"global-any-0001", kGlobal, ""},
      {"global-ann-0001", kGlobal, "ann"},
      {"workspace-any-1", kWorkspace, ""},
      {"workspace-ann-1", kWorkspace, "ann"},
      {"group-any-00001", kGroup, ""},
      {"group-ann-00001", kGroup, "ann"},
  };
  for (const auto& [value, scope, consumer] : rows) {
    const auto id = make_secret(value, value, scope);
    if (scope.kind == Scope::Kind::global) attach(id);
    bind(id, scope, consumer);
  }
  EXPECT_EQ(call("w", "g"), "group-ann-00001");
  EXPECT_EQ(call("w", "g", "bob"), "group-any-00001");
  EXPECT_EQ(call("w", ""), "workspace-ann-1");
  EXPECT_EQ(call("w", "", "bob"), "workspace-any-1");
  EXPECT_EQ(call("", ""), "global-ann-0001");
  EXPECT_EQ(call("", "", "bob"), "global-any-0001");
  EXPECT_EQ(call("x", ""), "global-ann-0001");
}

// Every row of the table of scopes, for a credential of the operator: with what is bound globally,
// nothing but the secret's own row decides.
// Case 63.
TEST_F(BoundCalls, ObeyTheTableOfScopes) {
  attach_own();
  const Scope scopes[] = {kGlobal,
                          kWorkspace,
                          {Scope::Kind::workspace, "v", ""},
                          kGroup,
                          {Scope::Kind::group, "w", "h"},
                          {Scope::Kind::group, "v", "g"}};
  struct Context {
    const char *workspace, *group;
  };
  const Context contexts[] = {{"", ""}, {"w", ""}, {"w", "g"}};
  // For each scope: without attachment, with one to (w, g); in each context: is it opened?
  const char* expected[][2] = {
      {"yyn", "yyy"},
      {"nyy", "nyy"},
      {"nnn", "nny"},
      {"nny", "nny"},
      {"nnn", "nny"},
      {"nnn", "nny"},
  };
  int made = 0;
  for (std::size_t row = 0; row < std::size(scopes); ++row) {
    for (const bool attached : {false, true}) {
      const auto value = "key-of-row-" + std::to_string(++made);
      const auto id = make_secret(value, value, scopes[row]);
      if (attached) attach(id);
      bind(id);
      for (std::size_t i = 0; i < std::size(contexts); ++i) {
        const bool opens = expected[row][attached ? 1 : 0][i] == 'y';
        EXPECT_EQ(call(contexts[i].workspace, contexts[i].group),
                  opens ? value : "secret_not_accessible")
            << scopes[row].text() << attached << contexts[i].workspace << contexts[i].group;
        if (!opens) {
          EXPECT_EQ(stage.events().back().secret_id, id.str()) << "the record names it";
          EXPECT_EQ(outcome.error->message, "secret not accessible");
        }
      }
    }
  }
}

// What is bound and cannot serve refuses the call; the credential's own key is not what the
// operator wants there.
TEST_F(BoundCalls, NeverFallBackToTheCredentialsOwnKey) {
  const auto expired = make_secret("EXPIRED", "expired-key-01");
  bind(expired);
  change([&](vault::Change& c) {
    vault::SecretUpdate update;
    update.expires_at = from_int(1);
    return c.update_secret(expired, update);
  });
  EXPECT_EQ(call(), "secret_expired");

  bind(make_secret("PINNED", "pinned-key-001", kGlobal, "openai"));
  EXPECT_EQ(call(), "secret_pinned");
  EXPECT_NE(outcome.error->message.find("cannot use secret pinned to provider 'openai'"),
            std::string::npos);

  const auto damaged = make_secret("DAMAGED", "damaged-key-01");
  bind(damaged);
  stage.world.tamper("UPDATE secrets SET created_at_ms = 1 WHERE name = 'DAMAGED'");
  EXPECT_EQ(call(), "row_integrity");
  EXPECT_NE(outcome.error->message.find("secrets/" + damaged.str()), std::string::npos);
  EXPECT_EQ(stage.connections(), 0);
}

TEST_F(BoundCalls, AreRefusedWhenABindingOfTheCapabilityIsDamaged) {
  const auto bound = make_secret("BOUND", "bound-key-0001", kGroup);
  bind(bound, kGroup, "ci");
  for (const store::Sql sql :
       {store::Sql("UPDATE bindings SET consumer = ''"), store::Sql("DELETE FROM bindings")}) {
    stage.world.tamper(sql);
    EXPECT_EQ(call(), "row_integrity") << sql.text();
    EXPECT_NE(outcome.error->message.find("acme/things"), std::string::npos);
  }
  EXPECT_EQ(stage.connections(), 0);
  change([](vault::Change& c) { return c.remove_binding("acme/things group:w:g ci"); });
  EXPECT_EQ(call(), kWorldSecret);
}

TEST_F(BoundCalls, GoBackWhenTheBoundSecretIsDeleted) {
  const auto bound = make_secret("BOUND", "bound-key-0001");
  bind(bound);
  EXPECT_EQ(call(), "bound-key-0001");
  change([&](vault::Change& c) { return c.revoke_secret(bound); });
  EXPECT_EQ(call(), kWorldSecret) << "its bindings went with it";
}

class BoundBasicCalls : public BoundCalls {
 protected:
  BoundBasicCalls() : BoundCalls(registry::BasicAuth()) {}
};

TEST_F(BoundBasicCalls, RefuseASecretThatDoesNotFitTheAuth) {
  const auto bound = make_secret("BOUND", "not an object");
  bind(bound);
  EXPECT_EQ(call(), "secret_malformed");
  EXPECT_NE(outcome.error->message.find("secret of binding 'acme/things global': "),
            std::string::npos)
      << outcome.error->message;
  EXPECT_EQ(stage.connections(), 0);
}

class BoundQueryCalls : public BoundCalls {
 protected:
  BoundQueryCalls() : BoundCalls(registry::QueryAuth{"key"}) {}
};

TEST_F(BoundQueryCalls, CarryTheBoundKeyInTheQuery) {
  bind(make_secret("BOUND", "bound-key-0001"));
  EXPECT_EQ(call(), "GET /v1/x?key=bound-key-0001 HTTP/1.1");
}

}  // namespace
}  // namespace aivault::broker
