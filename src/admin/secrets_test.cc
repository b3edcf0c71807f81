#include <gtest/gtest.h>

#include "admin/desk_fixture.h"
#include "base/encoding.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

class Secrets : public DeskFixture {
 protected:
  Texts credential_ids() {
    Texts ids;
    const auto snap = snapshot();
    for (const auto& credential : snap->credentials()) ids.push_back(credential.id);
    return ids;
  }
};

constexpr const char* kOpenAi = "sk-0123456789abcdef";

TEST_F(Secrets, ArePrintedInTheDocumentedShape) {
  EXPECT_EQ(
      ok("POST",
         "/aivault/secrets",
         R"({"name":" ACME_KEY ","value":"a-long-enough-value","aliases":["b","a","a",""]})"),
      R"({"secretId":"ID","name":"ACME_KEY","aliases":["a","b"],"scope":"global","systemManaged":false,"createdAtMs":T,"updatedAtMs":T,"lastUsedAtMs":null,"revokedAtMs":null,"valueVersion":1,"attachedGroups":[]})");
  EXPECT_TRUE(notices().empty());
  EXPECT_EQ(
      ok("POST",
         "/aivault/secrets",
         R"({"name":"G","valueB64":"YS1sb25nLWVub3VnaC12YWx1ZQ==","scope":"group","workspaceId":"w1","groupId":"g1","expiresAtMs":4102444800000,"rotateEveryDays":30})"),
      R"({"secretId":"ID","name":"G","aliases":[],"scope":{"group":{"workspace_id":"w1","group_id":"g1"}},"systemManaged":false,"createdAtMs":T,"updatedAtMs":T,"lastUsedAtMs":null,"revokedAtMs":null,"valueVersion":1,"attachedGroups":[],"expiresAtMs":T,"rotateEveryDays":30})");
}

TEST_F(Secrets, RefuseMalformedRequests) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"value":"x"})", "secret name is required"},
      {R"({"name":"  ","value":"x"})", "secret name is required"},
      {R"({"name":"A"})", "give exactly one of 'value' and 'valueB64'"},
      {R"({"name":"A","value":"x","valueB64":"eA=="})", "give exactly one of"},
      {R"({"name":"A","value":""})", "must not be empty"},
      {R"({"name":"A","value":1})", "'value' must be a string"},
      {R"({"name":"A","valueB64":"eA"})", "'valueB64' must be standard padded base64"},
      {R"({"name":"A","value":"x","colour":"red"})", "unknown key 'colour'"},
      {R"({"name":"A","value":"x","scope":"workspace"})", "--workspace-id is required"},
      {R"({"name":"A","value":"x","scope":"group","workspaceId":"w"})", "--group-id is required"},
      {R"({"name":"A","value":"x","aliases":"b"})", "'aliases' must be an array of strings"},
      {R"({"name":"A","value":"x","rotateEveryDays":"3"})", "'rotateEveryDays' must be an integer"},
      {R"({"name":"A","value":"x","expiresAtMs":-1})", "'expiresAtMs' must be positive"},
      {R"([])", "the request body must be a JSON object"},
  };
  for (const auto& [body, marker] : rows) {
    const auto sentence = refusal("POST", "/aivault/secrets", body);
    EXPECT_NE(sentence.find(marker), std::string::npos) << body << "\n" << sentence;
  }
}

TEST_F(Secrets, ThatAreClaimedPinAndProvision) {
  const auto id = make_secret("OPENAI_API_KEY", kOpenAi);
  EXPECT_EQ(notices(),
            Texts({"Secret created: OPENAI_API_KEY (pinned to provider: openai)",
                   "Credential auto-provisioned: openai (21 capabilities enabled)"}));
  EXPECT_NE(ok("GET", "/aivault/secrets/" + id).find(R"("pinnedProvider":"openai")"),
            std::string::npos);
  EXPECT_EQ(credential_ids(), Texts({"openai"}));
  EXPECT_TRUE(snapshot()->is_ready("openai"));
  EXPECT_EQ(audit_kinds(),
            Texts({"vault.init", "secret.create", "secret.pin_provider", "credential.provision"}));
  EXPECT_TRUE(catalog::reconcile_with_registry(vault()));
  EXPECT_EQ(audit_kinds().size(), 4U);  // It was in step.
}

TEST_F(Secrets, GetADerivedCredentialInEachScope) {
  make_secret("OPENAI_API_KEY", kOpenAi);
  make_secret("OPENAI_API_KEY", kOpenAi, R"(,"scope":"workspace","workspaceId":"w")");
  make_secret("OPENAI_API_KEY", kOpenAi, R"(,"scope":"group","workspaceId":"w","groupId":"g")");
  EXPECT_EQ(credential_ids(), Texts({"openai", "openai:group:w:g", "openai:ws:w"}));
}

TEST_F(Secrets, ServeEveryKindThatUsesTheirName) {
  make_secret("TELEGRAM_BOT_TOKEN", "123456789:abcdef");
  EXPECT_EQ(credential_ids(), Texts({"telegram", "telegram:file"}));
  EXPECT_EQ(snapshot()->find_credential("telegram:file")->kind, "file");
}

TEST_F(Secrets, MakeACompositeOnlyWhenAllMembersAreInOneScope) {
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  EXPECT_EQ(notices().back(), "Waiting for TWILIO_AUTH_TOKEN to complete twilio credential");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef", R"(,"scope":"workspace","workspaceId":"w")");
  EXPECT_EQ(notices().back(), "Waiting for TWILIO_ACCOUNT_SID to complete twilio credential");
  EXPECT_TRUE(credential_ids().empty());
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  EXPECT_EQ(notices().back(), "Credential auto-provisioned: twilio (14 capabilities enabled)");
  EXPECT_EQ(credential_ids(), Texts({"twilio"}));
  const auto list = ok("GET", "/aivault/secrets?scope=global");
  EXPECT_NE(list.find(R"("name":"__aivault_registry:twilio:account:global","aliases":[],)"
                      R"("scope":"global","systemManaged":true,"pinnedProvider":"twilio")"),
            std::string::npos)
      << list;
}

TEST_F(Secrets, SealTheirCompositeAgainWhenRotated) {
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  const auto token = make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  const auto composite = *snapshot()->find_credential("twilio")->secret_id;
  const auto version = [&] {
    return std::string(
        ask("GET", "/aivault/secrets/" + composite.str())->result.find("valueVersion")->text());
  };
  EXPECT_EQ(version(), "1");
  ok("POST", "/aivault/secrets/" + token + "/rotate", R"({"value":"fedcba9876543210"})");
  EXPECT_EQ(notices(), Texts({"Credential auto-reconciled: twilio (14 capabilities enabled)"}));
  EXPECT_EQ(version(), "2");
  EXPECT_EQ(*snapshot()->find_credential("twilio")->secret_id, composite);
}

// Case 66.
TEST_F(Secrets, TakeTheirCompositeAndItsCredentialsWithThem) {
  const auto sid = make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  const auto composite = snapshot()->find_credential("twilio")->secret_id->str();
  ok("POST",
     "/aivault/credentials",
     R"({"id":"mine","provider":"twilio","secretRef":"vault:secret:)" + composite + R"("})");
  const auto deleted = ok("DELETE", "/aivault/secrets/" + sid);
  EXPECT_NE(deleted.find(R"("revokedAtMs":T)"), std::string::npos) << deleted;
  EXPECT_EQ(notices(), Texts({"Credential removed: mine", "Credential removed: twilio"}));
  EXPECT_TRUE(credential_ids().empty());
  EXPECT_EQ(refusal("GET", "/aivault/secrets/" + composite), "secret not found");
}

TEST_F(Secrets, StayDeletedHoweverOftenTheyAreDeleted) {
  const auto id = make_secret("ACME_KEY", "a-long-enough-value");
  make_custom("acme", id);
  ok("DELETE", "/aivault/secrets/" + id);
  EXPECT_EQ(notices(), Texts({"Credential removed: acme"}));
  const auto rows = audit_kinds().size();
  const auto again = ok("DELETE", "/aivault/secrets/vault:secret:" + id);
  EXPECT_NE(again.find(R"("revokedAtMs":T)"), std::string::npos);
  EXPECT_TRUE(notices().empty());
  EXPECT_EQ(audit_kinds().size(), rows);
  EXPECT_EQ(refusal("PATCH", "/aivault/secrets/" + id, R"({"name":"B"})"), "secret revoked");
  EXPECT_EQ(refusal("POST", "/aivault/secrets/" + id + "/rotate", R"({"value":"xxxxxxxxxxxx"})"),
            "secret revoked");
  make_secret("ACME_KEY", "a-long-enough-value");  // The name is free.
}

TEST_F(Secrets, LeaveADisabledDerivedCredentialDisabled) {
  const auto id = make_secret("OPENAI_API_KEY", kOpenAi);
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/openai"),
            R"({"disabled":true,"id":"openai","removed":true})");
  ok("POST", "/aivault/secrets/" + id + "/rotate", R"({"value":"sk-fedcba9876543210"})");
  EXPECT_EQ(notices(),
            Texts({"Credential stays disabled: openai (aivault credential enable openai)"}));
  EXPECT_FALSE(snapshot()->find_credential("openai")->enabled);
  ok("DELETE", "/aivault/secrets/" + id);
  EXPECT_TRUE(notices().empty());
  make_secret("OPENAI_API_KEY", kOpenAi);
  EXPECT_FALSE(snapshot()->find_credential("openai")->enabled);
  ok("POST", "/aivault/credentials/openai/enable");
  EXPECT_EQ(snapshot()->find_credential("openai")->state, catalog::CredentialState::ready);
}

TEST_F(Secrets, ForgetADisabledCredentialThatIsEnabledWithoutItsSecret) {
  const auto id = make_secret("OPENAI_API_KEY", kOpenAi);
  ok("POST", "/aivault/credentials/openai/disable");
  ok("DELETE", "/aivault/secrets/" + id);
  EXPECT_EQ(credential_ids(), Texts({"openai"}));
  ok("POST", "/aivault/credentials/openai/enable");
  EXPECT_TRUE(credential_ids().empty());
}

TEST_F(Secrets, PinAndProvisionWhenRenamedToAClaimedName) {
  const auto id = make_secret("MY_KEY", kOpenAi);
  ok("PATCH", "/aivault/secrets/" + id, R"({"name":"OPENAI_API_KEY"})");
  EXPECT_EQ(notices(),
            Texts({"Secret renamed: OPENAI_API_KEY (pinned to provider: openai)",
                   "Credential auto-provisioned: openai (21 capabilities enabled)"}));
  const auto refused =
      refusal("PATCH", "/aivault/secrets/" + id, R"({"name":"ANTHROPIC_API_KEY"})");
  EXPECT_NE(refused.find("pinned to provider 'openai'"), std::string::npos) << refused;
  const auto away = ok("PATCH", "/aivault/secrets/" + id, R"({"name":"OTHER"})");
  EXPECT_EQ(notices(), Texts({"Credential removed: openai"}));
  EXPECT_NE(away.find(R"("pinnedProvider":"openai")"), std::string::npos) << away;
}

TEST_F(Secrets, ArePrintedUnchangedWhenNothingIsAsked) {
  const auto id = make_secret("A", "a-long-enough-value");
  const auto rows = audit_kinds().size();
  EXPECT_EQ(ok("PATCH", "/aivault/secrets/" + id, "{}"), ok("GET", "/aivault/secrets/" + id));
  EXPECT_EQ(audit_kinds().size(), rows);
}

TEST_F(Secrets, LoseTimeLimitsByNull) {
  const auto id = make_secret(
      "A", "a-long-enough-value", R"(,"expiresAtMs":4102444800000,"rotateEveryDays":30)");
  const auto updated =
      ok("PATCH", "/aivault/secrets/" + id, R"({"expiresAtMs":null,"rotateEveryDays":0})");
  EXPECT_EQ(updated.find("expiresAtMs"), std::string::npos) << updated;
  EXPECT_EQ(updated.find("rotateEveryDays"), std::string::npos) << updated;
}

TEST_F(Secrets, ClashInOneScopeOnly) {
  make_secret("A", "a-long-enough-value", R"(,"aliases":["B"])");
  for (const auto* name : {"A", "B"}) {
    const auto sentence =
        refusal("POST",
                "/aivault/secrets",
                R"({"name":")" + std::string(name) + R"(","value":"abcdefghijkl"})");
    EXPECT_NE(sentence.find("already exists"), std::string::npos) << sentence;
  }
  const auto alias =
      refusal("POST", "/aivault/secrets", R"({"name":"C","value":"abcdefghijkl","aliases":["A"]})");
  EXPECT_NE(alias.find("conflicts"), std::string::npos) << alias;
  make_secret("A", "a-long-enough-value", R"(,"scope":"workspace","workspaceId":"w")");
}

TEST_F(Secrets, TakeAClaimedAliasOnlyWhenPinnedToItsProvider) {
  const auto sentence =
      refusal("POST",
              "/aivault/secrets",
              R"({"name":"MINE","value":"abcdefghijkl","aliases":["OPENAI_API_KEY"]})");
  EXPECT_NE(sentence.find("pinned to provider 'openai'"), std::string::npos) << sentence;
}

TEST_F(Secrets, ThatAreSystemManagedCannotBeChangedByHand) {
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  const auto path = "/aivault/secrets/" + snapshot()->find_credential("twilio")->secret_id->str();
  EXPECT_EQ(refusal("PATCH", path, R"({"name":"X"})"), "secret is system-managed");
  EXPECT_EQ(refusal("POST", path + "/rotate", R"({"value":"abcdefghijkl"})"),
            "secret is system-managed");
  EXPECT_EQ(refusal("DELETE", path), "secret is system-managed");
}

TEST_F(Secrets, ThatNobodyKnowsAreNotFound) {
  for (const auto* id : {"3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21", "nonsense", "vault:secret:x"}) {
    EXPECT_EQ(refusal("GET", "/aivault/secrets/" + std::string(id)), "secret not found");
    EXPECT_EQ(refusal("DELETE", "/aivault/secrets/" + std::string(id)), "secret not found");
  }
}

TEST_F(Secrets, RotateOnlyFromTheExpectedVersion) {
  const auto id = make_secret("A", "a-long-enough-value");
  const auto path = "/aivault/secrets/" + id + "/rotate";
  EXPECT_NE(ok("POST", path, R"({"value":"abcdefghijkl","expectedVersion":1})")
                .find(R"("valueVersion":2)"),
            std::string::npos);
  const auto lost = refusal("POST", path, R"({"value":"abcdefghijkl","expectedVersion":1})");
  EXPECT_NE(lost.find("changed meanwhile"), std::string::npos) << lost;
}

TEST_F(Secrets, AreRefusedWhenTheirProviderCannotUseThem) {
  const auto sentence = refusal(
      "POST", "/aivault/secrets", R"({"name":"OPENAI_API_KEY","valueB64":"c2stAAAAAP8AAAAAAAAA"})");
  EXPECT_NE(sentence.find("the value does not fit provider 'openai'"), std::string::npos)
      << sentence;
  EXPECT_TRUE(credential_ids().empty());
  EXPECT_EQ(ok("GET", "/aivault/secrets"), R"({"items":[],"next":null})");
}

TEST_F(Secrets, ThatLookWrongOrShortAreAdvisedAbout) {
  make_secret("OPENAI_API_KEY", "ghp_0123456789");
  EXPECT_EQ(notices().back(),
            "!the value of OPENAI_API_KEY does not begin with 'sk-' as keys of OpenAI usually do");
  const auto id = make_secret("PIN", "1234");
  EXPECT_EQ(notices(), Texts({"!the value of PIN is short and may be guessable"}));
  ok("POST",
     "/aivault/secrets/" + id + "/rotate",
     R"({"valueB64":")" + base64(bytes_of("long enough now")) + R"("})");
  EXPECT_TRUE(notices().empty());
}

TEST_F(Secrets, KnowABeginningInBase64) {
  for (const auto* value : {"sk-0123456789ab", "sk-0123456789abc", "sk-0123456789abcd"}) {
    ok("POST",
       "/aivault/secrets",
       R"({"name":"OPENAI_API_KEY","valueB64":")" + base64(bytes_of(value)) +
           R"(","scope":"workspace","workspaceId":")" + std::string(value) + R"("})");
    for (const auto& text : notices()) EXPECT_FALSE(text.starts_with('!')) << text;
  }
}

TEST_F(Secrets, AreListedByNameInPages) {
  for (const auto* name : {"C", "A", "B"}) make_secret(name, "a-long-enough-value");
  const auto first = ask("GET", "/aivault/secrets?limit=2");
  ASSERT_TRUE(first);
  ASSERT_EQ(first->result.find("items")->items().size(), 2U);
  EXPECT_EQ(first->result.find("items")->items()[1].find("name")->text(), "B");
  const std::string cursor(first->result.find("next")->text());
  const auto rest = ask("GET", "/aivault/secrets?limit=2&cursor=" + cursor);
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->result.find("items")->items().size(), 1U);
  EXPECT_EQ(rest->result.find("items")->items()[0].find("name")->text(), "C");
  EXPECT_TRUE(rest->result.find("next")->is(json::Kind::null));
  EXPECT_EQ(refusal("GET", "/aivault/secrets?cursor=zz"), "'cursor' is not one of ours");
  EXPECT_EQ(refusal("GET", "/aivault/secrets?limit=1001"), "'limit' must be 0 to 1000");
  EXPECT_EQ(refusal("GET", "/aivault/secrets?scope=all"),
            "'scope' must be global, workspace or group");
}

TEST_F(Secrets, AreNarrowedByScope) {
  make_secret("A", "a-long-enough-value");
  make_secret("B", "a-long-enough-value", R"(,"scope":"workspace","workspaceId":"w")");
  const auto list = ok("GET", "/aivault/secrets?scope=workspace");
  EXPECT_EQ(list.find(R"("name":"A")"), std::string::npos);
  EXPECT_NE(list.find(R"("name":"B")"), std::string::npos);
}

TEST_F(Secrets, ThatWereTamperedWithCanOnlyBeDeleted) {
  const auto id = make_secret(
      "A", "a-long-enough-value", R"(,"scope":"group","workspaceId":"wqqq","groupId":"gqqq")");
  tamper("wqqqgqqq", "wzzzgqqq");
  const auto path = "/aivault/secrets/" + id;
  for (const auto& sentence : {refusal("GET", path),
                               refusal("PATCH", path, R"({"name":"B"})"),
                               refusal("POST", path + "/rotate", R"({"value":"abcdefghijkl"})")}) {
    EXPECT_NE(sentence.find("row integrity check failed"), std::string::npos) << sentence;
  }
  ok("DELETE", path);
}

TEST_F(Secrets, ThatWereTamperedWithAreNamedByListAndStatus) {
  make_secret("GOOD", "a-long-enough-value");
  const auto id = make_secret("BAD_NAME", "a-long-enough-value");
  tamper("BAD_NAME", "BAD_MANE");
  const auto list = ok("GET", "/aivault/secrets");
  EXPECT_NE(list.find(R"("name":"GOOD")"), std::string::npos) << list;
  EXPECT_EQ(list.find("BAD_MANE"), std::string::npos) << list;
  EXPECT_NE(list.find(R"("warnings":["row integrity check failed: secrets/ID: )"),
            std::string::npos)
      << list;
  slot_.close();  // Nothing is remembered.
  for (int i = 0; i < 2; ++i) {
    const auto status = ok("GET", "/aivault/status");
    EXPECT_NE(status.find(R"("problems":[{"id":"ID","kind":"secret","message":"row integrity)"),
              std::string::npos)
        << status;
    const auto doctor = ok("GET", "/aivault/doctor");
    EXPECT_NE(doctor.find("secrets/ID"), std::string::npos) << doctor;
  }
  ok("DELETE", "/aivault/secrets/" + id);
  EXPECT_NE(ok("GET", "/aivault/status").find(R"("problems":[])"), std::string::npos);
}

TEST_F(Secrets, NameTheActorInTheAudit) {
  make_secret("A", "a-long-enough-value");
  const auto list = ok("GET", "/aivault/audit?kind=secret.create");
  EXPECT_NE(
      list.find(
          R"("kind":"secret.create","secretId":"ID","scope":"global","actor":"operator","note":"name A, value version 1","seq":2,"uid":1000,"user":"olga","pid":42,"exe":"/usr/bin/aivault","requestId":"r1")"),
      std::string::npos)
      << list;
}

TEST_F(Secrets, AreFoundInTheAuditByIdAndReference) {
  const auto id = make_secret("A", "a-long-enough-value");
  make_secret("B", "a-long-enough-value");
  const auto plain = ok("GET", "/aivault/audit?secretId=" + id);
  EXPECT_NE(plain.find("secret.create"), std::string::npos);
  EXPECT_EQ(ok("GET", "/aivault/audit?secretId=vault:secret:" + id), plain);
}

}  // namespace
}  // namespace aivault::admin
