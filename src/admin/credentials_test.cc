#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "admin/desk_fixture.h"
#include "json/write.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;
using catalog::CredentialState;

constexpr const char* kNobody = "3c59dc04-8e88-4502-8e2f-9d1f0a6b7c21";
// A certificate in form only: what is in it is judged where it is used.
constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

class Credentials : public DeskFixture {
 protected:
  // Body of a creation: `fields` without braces.
  std::string create(const std::string& fields) {
    return ok("POST", "/aivault/credentials", "{" + fields + "}");
  }
  std::string refused(const std::string& fields) {
    return refusal("POST", "/aivault/credentials", "{" + fields + "}");
  }
  static std::string ref(const std::string& id) {
    return R"("secretRef":"vault:secret:)" + id + "\"";
  }
  CredentialState state(std::string_view id) { return snapshot()->find_credential(id)->state; }
};

TEST_F(Credentials, ArePrintedInTheDocumentedShape) {
  const auto secret = make_secret("ACME_KEY", "a-long-enough-value");
  EXPECT_EQ(
      make_custom("acme", secret),
      R"({"id":"acme","provider":"acme","workspaceId":null,"groupId":null,"auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},"hosts":["api.acme.test"],"secretRef":"vault:secret:ID"})");
  EXPECT_TRUE(notices().empty());
  EXPECT_EQ(
      ok("GET", "/aivault/credentials/acme"),
      R"({"id":"acme","provider":"acme","workspaceId":null,"groupId":null,"auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},"hosts":["api.acme.test"],"secretRef":"vault:secret:ID","state":"ready"})");
}

TEST_F(Credentials, KeepEveryFactOfACustomProvider) {
  const auto secret = make_secret("ACME_KEY", "user:password-long");
  EXPECT_EQ(
      create(
          R"("id":"acme","provider":"acme","workspaceId":"w","auth":"basic","hosts":[" API.acme.test:8443 ","api.acme.test:8443",""],"defaultHeaders":[{"name":"X-Version","value":"2"}],"allowPrivateNetwork":true,"tlsCaPem":)" +
          json::quoted(kPem) + "," + ref(secret)),
      R"({"id":"acme","provider":"acme","workspaceId":"w","groupId":null,"auth":"basic","hosts":["api.acme.test:8443"],"secretRef":"vault:secret:ID","defaultHeaders":[{"name":"x-version","value":"2"}],"allowPrivateNetwork":true,"tlsCaSha256":"8010bfcee1842b2a4ce8f67c3e9455f0188f7a15bf39ec61a26feb75cd785821"})");
}

TEST_F(Credentials, ThatWereImportedSwitchedOffAreListedAndNeverUsed) {
  ASSERT_TRUE(vault().change([&](vault::Change& change) -> Result<void> {
    vault::CredentialRow row;
    row.id = "odd";
    row.provider = "acme";
    row.enabled = false;
    row.body =
        R"({"imported":{"reason":"hosts must be exact","record":{"hosts":["*.acme.test",7]}}})";
    row.created_at = row.updated_at = change.now();
    TRY(change.put(row));
    audit::Event event;
    event.kind = "credential.create";
    change.record(event);
    return {};
  }));
  const auto list = ok("GET", "/aivault/credentials");
  for (const auto* part : {R"("id":"odd","provider":"acme")",
                           R"("auth":null,"hosts":["*.acme.test"])",
                           R"("disabled":true,"state":"disabled")",
                           "credential 'odd' was imported switched off: hosts must be exact"}) {
    EXPECT_NE(list.find(part), std::string::npos) << part << "\n" << list;
  }
  EXPECT_EQ(state("odd"), CredentialState::damaged);
  ok("POST", "/aivault/credentials/odd/enable");
  EXPECT_EQ(state("odd"), CredentialState::damaged);
}

// The order of the checks is documented: each row fails on the first of several faults.
// Cases 69-71, 74, 87, 119, 179.
TEST_F(Credentials, AreCheckedInTheDocumentedOrder) {
  const auto pinned = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  const auto scoped =
      make_secret("W1", "a-long-enough-value", R"(,"scope":"workspace","workspaceId":"w1")");
  make_custom("acme", make_secret("ACME_KEY", "a-long-enough-value"));
  const std::string base = R"("id":"new","provider":"acme")";
  const std::string auth = R"(,"auth":{"header":{}})";
  const std::string host = R"(,"hosts":["api.acme.test"])";
  const std::vector<std::pair<std::string, const char*>> rows = {
      {R"("provider":"acme")", "credential id is required"},
      {R"("id":"  ")", "credential id is required"},
      {R"("id":"a/b")", "must not contain / ? # %"},
      {R"("id":"acme")", "credential 'acme' already exists"},
      {R"("id":"openai","provider":"acme")", "credential 'openai' already exists"},
      {R"("id":"new","groupId":"g")", "credential provider is required"},
      {base + R"(,"groupId":"g","maxPolicyMode":"write")",
       "--workspace-id is required when --group-id is provided"},
      {base + R"(,"maxPolicyMode":"write")", "only supported for postgres"},
      {base + R"(,"params":[])", "'params' must be an object of strings"},
      {base, "--auth is required when provider is not in built-in registry"},
      {base + auth, "at least one --host is required when provider is not in built-in registry"},
      {base + auth + R"(,"hosts":["",""])", "credential hosts are required"},
      {base + auth + R"(,"hosts":["*.acme.test"])",
       "wildcard hosts are invalid for core conformance"},
      {base + auth + R"(,"hosts":["https://api.acme.test/"])",
       "invalid host authority in capability or credential"},
      {base + R"(,"auth":{"pigeon":{}})" + host, "unknown auth.type 'pigeon'"},
      {base + R"(,"auth":{"header":{"value_template":"Bearer"}})" + host,
       "must contain {{secret}}"},
      {base + R"(,"auth":{"path":{"prefix_template":"bot{{secret}}"}})" + host,
       "path auth prefixTemplate must start with '/'"},
      {base + auth + host + R"(,"defaultHeaders":[{"name":"cookie","value":"a"}])",
       "managed by the broker"},
      {base + auth + host + R"(,"defaultHeaders":[{"name":"x","value":"a\nb"}])",
       "has a value that cannot be sent"},
      {base + auth + host + R"(,"tlsCaPem":"hello")", "--tls-ca-file holds no PEM certificate"},
      {base + auth + host + R"(,"params":{"sub":"x"})",
       "--param is only supported for registry providers"},
      {R"("id":"new","provider":"openai","hosts":["evil.test"])",
       "credential host is not allowed by registry provider host policy"},
      {R"("id":"new","provider":"openai","hosts":["api.openai.com:8443"])",
       "non-default port not allowed"},
      {R"("id":"new","provider":"openai","allowPrivateNetwork":true)",
       "--allow-private-network is not available for registry providers"},
      {R"("id":"new","provider":"openai","params":{"sub":"x"})",
       "unknown param 'sub' for provider 'openai'"},
      {R"("id":"new","provider":"github","params":{"sub":"a.b"})", "invalid param 'sub'"},
      {base + auth + host, "invalid secret_ref (expected vault:secret:<id>)"},
      {base + auth + host + R"(,"secretRef":"vault:secret:x")",
       "invalid secret_ref (expected vault:secret:<id>)"},
      {base + auth + host + "," + ref(kNobody), "secret does not exist"},
      {base + auth + host + "," + ref(pinned),
       "secret is pinned to provider 'openai' and cannot be used for provider 'acme'"},
      {R"("id":"new","provider":"anthropic",)" + ref(pinned),
       "secret is pinned to provider 'openai' and cannot be used for provider 'anthropic'"},
      {base + auth + host + R"(,"workspaceId":"w2",)" + ref(scoped), "secret not accessible"},
      {base + R"(,"colour":1)", "unknown key 'colour'"},
  };
  for (const auto& [fields, marker] : rows) {
    const auto sentence = refused(fields);
    EXPECT_NE(sentence.find(marker), std::string::npos) << fields << "\n" << sentence;
  }
  EXPECT_EQ(snapshot()->credentials().size(), 2U);
}

// One fault of a creation: the keys it sets (or removes), and what it is refused with.
struct Fault {
  std::vector<std::pair<std::string, std::string>> keys;  // Raw JSON; "" removes the key.
  std::string marker;
};

TEST_F(Credentials, NameTheFirstOfAnyTwoFaults) {
  const auto good = make_secret("MY_KEY", "a-long-enough-value");
  const auto pinned = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  const auto scoped =
      make_secret("W1", "a-long-enough-value", R"(,"scope":"workspace","workspaceId":"w1")");
  make_custom("taken", good);
  const auto ref_to = [](const std::string& id) { return "\"vault:secret:" + id + "\""; };
  const std::map<std::string, std::string> base = {{"id", R"("new")"},
                                                   {"provider", R"("acme")"},
                                                   {"auth", R"({"header":{}})"},
                                                   {"hosts", R"(["api.acme.test"])"},
                                                   {"secretRef", ref_to(good)}};
  const std::vector<Fault> faults = {
      {{{"id", R"(" ")"}}, "credential id is required"},
      {{{"id", R"("taken")"}}, "credential 'taken' already exists"},
      {{{"id", R"("openai")"}}, "credential 'openai' already exists"},
      {{{"provider", ""}}, "credential provider is required"},
      {{{"groupId", R"("g")"}, {"workspaceId", ""}},
       "--workspace-id is required when --group-id is provided"},
      {{{"maxPolicyMode", R"("write")"}}, "only supported for postgres"},
      {{{"params", "[]"}}, "'params' must be an object of strings"},
      {{{"defaultHeaders", "{}"}}, "'defaultHeaders'"},
      {{{"auth", ""}}, "--auth is required when provider is not in built-in registry"},
      {{{"hosts", "[]"}}, "at least one --host is required"},
      {{{"hosts", R"(["*.acme.test"])"}}, "wildcard hosts are invalid"},
      {{{"auth", R"({"pigeon":{}})"}}, "unknown auth.type 'pigeon'"},
      {{{"params", R"({"sub":"x"})"}}, "--param is only supported for registry providers"},
      {{{"secretRef", R"("nonsense")"}}, "invalid secret_ref"},
      {{{"secretRef", ref_to(kNobody)}}, "secret does not exist"},
      {{{"secretRef", ref_to(pinned)}}, "secret is pinned to provider 'openai'"},
      {{{"secretRef", ref_to(scoped)}, {"workspaceId", R"("w2")"}}, "secret not accessible"},
  };
  const auto meet = [](const Fault& one, const Fault& other) {
    return std::ranges::any_of(one.keys, [&](const auto& key) {
      return std::ranges::any_of(other.keys,
                                 [&](const auto& also) { return also.first == key.first; });
    });
  };
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    for (std::size_t j = i; j < faults.size(); ++j) {
      if (i != j && meet(faults[i], faults[j])) continue;
      auto keys = base;
      for (const auto& [key, value] : faults[j].keys) keys[key] = value;
      for (const auto& [key, value] : faults[i].keys) keys[key] = value;
      std::string fields;
      for (const auto& [key, value] : keys) {
        if (value.empty()) continue;
        fields += (fields.empty() ? "" : ",") + json::quoted(key) + ":" + value;
      }
      const auto sentence = refused(fields);
      EXPECT_NE(sentence.find(faults[i].marker), std::string::npos) << fields << "\n" << sentence;
      ++pairs;
    }
  }
  EXPECT_GT(pairs, 100U);
}

// Case 85.
TEST_F(Credentials, OfRegistryProvidersTakeOnlyHostAndSecretFromTheOperator) {
  const auto secret = make_secret("MY_OPENAI", "sk-0123456789abcdef");
  EXPECT_EQ(
      create(R"("id":"eu","provider":"openai","hosts":["eu.api.openai.com"],"auth":{"query":{}},)" +
             ref(secret)),
      R"({"id":"eu","provider":"openai","workspaceId":null,"groupId":null,"auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},"hosts":["eu.api.openai.com"],"priority":50,"secretRef":"vault:secret:ID"})");
  EXPECT_EQ(
      notices(),
      Texts({"!--auth is ignored: provider 'openai' uses the auth of the registry (header)"}));
  EXPECT_TRUE(snapshot()->is_ready("openai"));
}

TEST_F(Credentials, BindParamsOfATenant) {
  const auto secret = make_secret("MY_GITHUB", "ghp_0123456789abcdef");
  const auto created =
      create(R"("id":"ghe","provider":"github","params":{"sub":"octocorp"},)" + ref(secret));
  EXPECT_NE(created.find(R"("hosts":["api.octocorp.ghe.com","uploads.github.com"])"),
            std::string::npos)
      << created;
  EXPECT_NE(created.find(R"("params":{"sub":"octocorp"})"), std::string::npos) << created;
}

TEST_F(Credentials, UseTheCompositeOfTheirKind) {
  make_secret("TWILIO_API_KEY_SID", "SK0123456789abcdef");
  make_secret("TWILIO_API_KEY_SECRET", "0123456789abcdef");
  const auto composite = snapshot()->find_credential("twilio:api-key")->secret_id->str();
  create(R"("id":"mine","provider":"twilio",)" + ref(composite));
  EXPECT_EQ(snapshot()->find_credential("mine")->kind, "api-key");
  EXPECT_EQ(state("mine"), CredentialState::ready);
}

// Case 86.
TEST_F(Credentials, WhoseSecretDoesNotFitWaitForItsRotation) {
  const auto secret = make_secret("ACME_KEY", "no-colon-in-here");
  create(R"("id":"acme","provider":"acme","auth":"basic","hosts":["api.acme.test"],)" +
         ref(secret));
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_NE(notices().front().find("!credential 'acme' cannot be used until ACME_KEY is rotated"),
            std::string::npos);
  EXPECT_EQ(state("acme"), CredentialState::invalid_secret);
  const auto path = "/aivault/secrets/" + secret + "/rotate";
  ok("POST", path, R"({"value":"user:password-long"})");
  EXPECT_EQ(state("acme"), CredentialState::ready);
  ok("POST", path, R"({"value":"no-colon-in-here"})");
  EXPECT_EQ(state("acme"), CredentialState::invalid_secret);
}

TEST_F(Credentials, MayBeMadeForAPrivateHost) {
  const auto secret = make_secret("ACME_KEY", "a-long-enough-value");
  create(R"("id":"a","provider":"acme","auth":"header","hosts":["localhost:8443"],)" + ref(secret));
  EXPECT_EQ(state("a"), CredentialState::ready);
}

TEST_F(Credentials, AreListedByIdWithTheirState) {
  make_custom("zeta", make_secret("A", "a-long-enough-value"));
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  ok("POST", "/aivault/credentials/zeta/disable");
  const auto list = ask("GET", "/aivault/credentials");
  ASSERT_TRUE(list);
  const auto& items = list->result.find("items")->items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].find("id")->text(), "openai");
  EXPECT_EQ(items[0].find("state")->text(), "ready");
  EXPECT_EQ(items[1].find("id")->text(), "zeta");
  EXPECT_EQ(items[1].find("state")->text(), "disabled");
  EXPECT_TRUE(items[1].find("disabled")->boolean());
}

// Case 65.
TEST_F(Credentials, OfTheOperatorAreRemovedAndDerivedOnesSwitchedOff) {
  make_custom("acme", make_secret("A", "a-long-enough-value"));
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/acme"), R"({"id":"acme","removed":true})");
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/acme"), R"({"id":"acme","removed":false})");
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/openai"),
            R"({"disabled":true,"id":"openai","removed":true})");
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/openai"),
            R"({"disabled":true,"id":"openai","removed":false})");
  EXPECT_EQ(ok("POST", "/aivault/credentials/openai/enable"), R"({"enabled":true,"id":"openai"})");
  EXPECT_EQ(refusal("POST", "/aivault/credentials/acme/enable"), "credential 'acme' not found");
  EXPECT_EQ(refusal("POST", "/aivault/credentials/acme/disable"), "credential 'acme' not found");
  EXPECT_EQ(refusal("GET", "/aivault/credentials/acme"), "credential 'acme' not found");
}

TEST_F(Credentials, MadeByHandUnderADerivedIdStandUntilTheyAreDeleted) {
  const auto mine = make_secret("MINE", "sk-0123456789abcdef");
  create(R"("id":"openai","provider":"openai",)" + ref(mine));
  const auto claimed = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  EXPECT_EQ(notices().back(), "Credential not auto-provisioned: openai was made by the operator");
  EXPECT_EQ(snapshot()->find_credential("openai")->secret_id->str(), mine);
  ok("DELETE", "/aivault/credentials/openai");
  EXPECT_EQ(snapshot()->find_credential("openai")->secret_id->str(), claimed);
  EXPECT_TRUE(snapshot()->find_credential("openai")->derived);
}

TEST_F(Credentials, OfPostgresHaveAPolicyMode) {
  const auto secret = make_secret("PG", "postgres://user:pw@host/db");
  const auto created = create(
      R"("id":"pg","provider":"postgres","hosts":["db.acme.test"],"maxPolicyMode":"readonly",)" +
      ref(secret));
  EXPECT_NE(created.find(R"("header_name":"x-aivault-postgres","value_template":"{{secret}}")"),
            std::string::npos)
      << created;
  EXPECT_NE(created.find(R"("maxPolicyMode":"read-only")"), std::string::npos) << created;
  EXPECT_EQ(state("pg"), CredentialState::ready);
}

TEST_F(Credentials, ThatWereTamperedWithCanOnlyBeDeleted) {
  const auto secret = make_secret("A", "a-long-enough-value");
  make_custom("acme", secret);
  tamper(R"(["api.acme.test"])", R"(["api.evil.test"])");
  EXPECT_EQ(
      ok("GET", "/aivault/credentials"),
      R"({"items":[],"next":null,"warnings":["row integrity check failed: credentials/acme: MAC"]})");
  const auto status = ok("GET", "/aivault/status");
  EXPECT_NE(status.find(R"("id":"acme","kind":"credential","message":"row integrity check failed)"),
            std::string::npos)
      << status;
  for (const auto& sentence : {refusal("GET", "/aivault/credentials/acme"),
                               refusal("POST", "/aivault/credentials/acme/enable")}) {
    EXPECT_NE(sentence.find("row integrity check failed"), std::string::npos) << sentence;
  }
  EXPECT_EQ(refused(R"("id":"acme")"), "credential 'acme' already exists");
  EXPECT_EQ(ok("DELETE", "/aivault/credentials/acme"), R"({"id":"acme","removed":true})");
  make_custom("acme", secret);
  EXPECT_EQ(state("acme"), CredentialState::ready);
}

TEST_F(Credentials, AreRecordedInTheAudit) {
  make_custom("acme", make_secret("A", "a-long-enough-value"));
  ok("POST", "/aivault/credentials/acme/disable");
  ok("POST", "/aivault/credentials/acme/enable");
  ok("POST", "/aivault/credentials/acme/enable");  // Changes nothing.
  ok("DELETE", "/aivault/credentials/acme");
  EXPECT_EQ(audit_kinds(),
            Texts({"vault.init",
                   "secret.create",
                   "credential.create",
                   "credential.disable",
                   "credential.enable",
                   "credential.delete"}));
  const auto created = ok("GET", "/aivault/audit?kind=credential.create");
  EXPECT_NE(created.find(R"("note":"provider acme host api.acme.test body )"), std::string::npos)
      << created;
}

}  // namespace
}  // namespace aivault::admin
