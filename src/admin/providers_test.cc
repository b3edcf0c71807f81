// Provider files of operators: added, served, replaced, damaged, removed.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "admin/desk_fixture.h"
#include "json/write.h"

namespace aivault::admin {
namespace {

std::string file(const std::string& id = "x-acme",
                 const std::string& secret = "ACME_KEY",
                 const std::string& path = "/v1/items") {
  return R"({
  "schema": 1, "provider": ")" +
         id + R"(", "name": "Acme", "category": "c",
  "docs": "https://acme.test/docs", "reviewed": "2026-11-20",
  "hosts": { "api": ["api.acme.test"] },
  "auth": [ { "name": "key", "base": true, "priority": 1, "secrets": { ")" +
         secret +
         R"(": "secret" },
    "config": { "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } } } ],
  "never": ["/v1/keys"],
  "capabilities": [
    { "id": ")" +
         id + R"(/items", "summary": "Read and delete items", "class": "destructive",
      "host": "api", "allow": [ { "methods": ["GET", "DELETE"], "paths": [")" +
         path + R"("] } ],
      "example": { "method": "GET", "path": ")" +
         path + R"(/7" } } ],
  "setup": { "url": "https://acme.test/keys", "steps": ["Create a key."] }
})";
}

class Providers : public DeskFixture {
 protected:
  static std::string body(const std::string& text, const std::string& more = "") {
    return R"({"text":)" + json::compact(json::Value(text)) + more + "}";
  }
  Result<Answer> add(const std::string& text, const std::string& more = "") {
    return ask("POST", "/aivault/providers", body(text, more));
  }
  bool has_problem(std::string_view kind, std::string_view id) {
    const auto now = snapshot();
    return std::ranges::any_of(now->problems(), [&](const vault::Problem& problem) {
      return problem.kind == kind && problem.id == id;
    });
  }
  bool is_callable(std::string_view capability) {
    return snapshot()->find_capability(capability) != nullptr;
  }
};

TEST_F(Providers, ServeWhatTheirFileSays) {
  ASSERT_TRUE(add(file()));
  EXPECT_TRUE(is_callable("x-acme/items"));
  make_secret("ACME_KEY", "a-secret-of-acme-0123");
  const auto now = snapshot();
  const auto* credential = now->find_credential("x-acme");
  ASSERT_NE(credential, nullptr);
  EXPECT_EQ(credential->state, catalog::CredentialState::ready);
  EXPECT_EQ(credential->policy.hosts, std::vector<std::string>{"api.acme.test"});
  EXPECT_TRUE(now->is_ready("x-acme"));
  EXPECT_NE(ok("GET", "/aivault/capabilities/x-acme%2Fitems").find("Create a key."),
            std::string::npos);
  EXPECT_NE(ok("GET", "/aivault/capabilities").find("x-acme/items"), std::string::npos);
}

TEST_F(Providers, TakeSecretsThatWereThereBefore) {
  make_secret("ACME_KEY", "a-secret-of-acme-0123");
  EXPECT_EQ(snapshot()->find_credential("x-acme"), nullptr);
  ASSERT_TRUE(add(file()));
  EXPECT_NE(snapshot()->find_credential("x-acme"), nullptr);
  EXPECT_TRUE(std::ranges::any_of(notices(), [](const std::string& notice) {
    return notice.find("Credential auto-provisioned: x-acme") != std::string::npos;
  }));
}

TEST_F(Providers, PinTheirSecretsToThemselves) {
  ASSERT_TRUE(add(file()));
  const auto id = make_secret("ACME_KEY", "a-secret-of-acme-0123");
  EXPECT_NE(
      refusal("POST",
              "/aivault/credentials",
              R"({"id":"evil","provider":"evil","secretRef":"vault:secret:)" + id +
                  R"(","auth":{"header":{"header_name":"x-k","value_template":"{{secret}}"}},)"
                  R"("hosts":["evil.test"]})")
          .find("pinned to provider 'x-acme'"),
      std::string::npos);
  EXPECT_NE(refusal("POST",
                    "/aivault/credentials",
                    R"({"id":"o","provider":"openai","secretRef":"vault:secret:)" + id + R"("})")
                .find("pinned to provider 'x-acme'"),
            std::string::npos);
}

TEST_F(Providers, NeverGetTheSecretOfAnotherProvider) {
  const auto id = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef0123");
  auto text = file();
  text.replace(text.find("api.acme.test"), 13, "api.openai.com");
  ASSERT_TRUE(add(text));
  EXPECT_NE(refusal("POST",
                    "/aivault/credentials",
                    R"({"id":"o","provider":"x-acme","secretRef":"vault:secret:)" + id + R"("})")
                .find("pinned to provider 'openai'"),
            std::string::npos);
}

TEST_F(Providers, AreRefusedWhereTheyClaimWhatAnotherOneHas) {
  EXPECT_NE(refusal("POST", "/aivault/providers", body(file("acme"))).find("begins with x-"),
            std::string::npos);
  EXPECT_NE(refusal("POST", "/aivault/providers", body(file("x-acme", "OPENAI_API_KEY")))
                .find("duplicate vault secret name 'OPENAI_API_KEY': 'openai' claims it"),
            std::string::npos);
  ASSERT_TRUE(add(file()));
  EXPECT_NE(refusal("POST", "/aivault/providers", body(file("x-other")))
                .find("duplicate vault secret name 'ACME_KEY': 'x-acme' claims it"),
            std::string::npos);
  EXPECT_EQ(refusal("POST", "/aivault/providers", body(file())),
            "provider 'x-acme' already exists");
}

TEST_F(Providers, OfAFileWithErrorsAreNotStored) {
  const auto broken = file("x-acme", "acme_key");
  EXPECT_FALSE(add(broken));
  EXPECT_EQ(ok("GET", "/aivault/providers").find("x-acme"), std::string::npos);
  const auto look = add(broken, R"(,"dryRun":true)");
  ASSERT_TRUE(look);
  EXPECT_FALSE(look->result.find("ok")->boolean());
  EXPECT_EQ(json::compact(*look->result.find("errors")),
            R"([{"code":"AUTH-3","column":72,"line":5,"text":"invalid secret name 'acme_key'"}])");
}

TEST_F(Providers, AreOnlyLookedAtInADryRun) {
  const auto look = add(file(), R"(,"dryRun":true)");
  ASSERT_TRUE(look);
  EXPECT_TRUE(look->result.find("ok")->boolean());
  EXPECT_FALSE(is_callable("x-acme/items"));
}

TEST_F(Providers, AreReplacedOnRequest) {
  ASSERT_TRUE(add(file()));
  make_secret("ACME_KEY", "a-secret-of-acme-0123");
  ASSERT_TRUE(add(file("x-acme", "ACME_KEY", "/v2/items"), R"(,"replace":true)"));
  const auto now = snapshot();
  const auto* capability = now->find_capability("x-acme/items");
  ASSERT_NE(capability, nullptr);
  EXPECT_EQ(registry::patterns_of(*capability).front(), "/v2/items");
  EXPECT_EQ(now->find_credential("x-acme")->state, catalog::CredentialState::ready);
  // Another name: what was made of the old one goes.
  ASSERT_TRUE(add(file("x-acme", "ACME_TOKEN"), R"(,"replace":true)"));
  EXPECT_EQ(snapshot()->find_credential("x-acme"), nullptr);
}

TEST_F(Providers, AreAtMostTwenty) {
  for (int i = 0; i < 20; ++i) {
    const auto number = std::to_string(i);
    ASSERT_TRUE(add(file("x-p" + number, "KEY_" + number))) << i;
  }
  EXPECT_NE(refusal("POST", "/aivault/providers", body(file("x-q", "KEY_Q")))
                .find("at most 20 provider files"),
            std::string::npos);
  EXPECT_TRUE(add(file("x-p3", "KEY_3", "/v3/items"), R"(,"replace":true)"));
}

TEST_F(Providers, ThatAreRemovedLeaveTheirCredentialsSwitchedOff) {
  ASSERT_TRUE(add(file()));
  make_secret("ACME_KEY", "a-secret-of-acme-0123");
  EXPECT_EQ(ok("DELETE", "/aivault/providers/x-acme"), R"({"id":"x-acme","removed":true})");
  EXPECT_EQ(ok("DELETE", "/aivault/providers/x-acme"), R"({"id":"x-acme","removed":false})");
  EXPECT_FALSE(is_callable("x-acme/items"));
  const auto now = snapshot();
  const auto* credential = now->find_credential("x-acme");
  ASSERT_NE(credential, nullptr);
  EXPECT_EQ(credential->state, catalog::CredentialState::disabled);
  EXPECT_TRUE(now->problems().empty());
  // It comes back as it was left.
  ASSERT_TRUE(add(file()));
  EXPECT_EQ(snapshot()->find_credential("x-acme")->state, catalog::CredentialState::disabled);
  ok("POST", "/aivault/credentials/x-acme/enable", "{}");
  EXPECT_EQ(snapshot()->find_credential("x-acme")->state, catalog::CredentialState::ready);
  EXPECT_NE(refusal("DELETE", "/aivault/providers/openai").find("is no file of yours"),
            std::string::npos);
}

TEST_F(Providers, WithADamagedRowCannotBeCalledAndHarmNobody) {
  ASSERT_TRUE(add(file()));
  ASSERT_TRUE(add(file("x-other", "OTHER_KEY")));
  make_secret("ACME_KEY", "a-secret-of-acme-0123");
  make_secret("OTHER_KEY", "a-secret-of-other-0123");
  ok("POST",
     "/aivault/capabilities",
     R"({"id":"mine/items","provider":"x-acme","methods":["GET"],"paths":["/v1/items"],)"
     R"("hosts":["api.acme.test"]})");
  tamper("\"Acme\", \"category\"", "\"Evil\", \"category\"");
  EXPECT_TRUE(has_problem("provider", "x-acme"));
  EXPECT_TRUE(has_problem("provider", "x-other"));  // Both hold the name.
  EXPECT_FALSE(is_callable("x-acme/items"));
  EXPECT_TRUE(snapshot()->is_refused("x-acme/items"));
  EXPECT_TRUE(snapshot()->is_refused("mine/items"));
  EXPECT_TRUE(is_callable("openai/models"));
  EXPECT_NE(ok("GET", "/aivault/status").find("\"kind\":\"provider\""), std::string::npos);
  // A change of another secret leaves what belongs to it alone.
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef0123");
  ASSERT_TRUE(add(file(), R"(,"replace":true)"));
  EXPECT_TRUE(is_callable("x-acme/items"));
  EXPECT_EQ(snapshot()->find_credential("x-acme")->state, catalog::CredentialState::ready);
  EXPECT_EQ(ok("DELETE", "/aivault/providers/x-other"), R"({"id":"x-other","removed":true})");
  EXPECT_FALSE(has_problem("provider", "x-other"));
}

TEST_F(Providers, MayBeInAPrivateNetworkWithACredentialThatSaysSo) {
  auto text = file();
  text.replace(text.find("[\"api.acme.test\"]"), 17, "[\"{own}\"]");
  ASSERT_TRUE(add(text));
  const auto id = make_secret("ACME_KEY", "a-secret-of-acme-0123");
  EXPECT_EQ(snapshot()->find_credential("x-acme")->state, catalog::CredentialState::needs_host);
  ok("POST",
     "/aivault/credentials",
     R"({"id":"lab","provider":"x-acme","secretRef":"vault:secret:)" + id +
         R"(","hosts":["acme.lab.test:8443"],"allowPrivateNetwork":true})");
  const auto now = snapshot();
  const auto* lab = now->find_credential("lab");
  ASSERT_NE(lab, nullptr);
  EXPECT_EQ(lab->state, catalog::CredentialState::ready);
  EXPECT_EQ(lab->policy.hosts, std::vector<std::string>{"acme.lab.test:8443"});
  EXPECT_EQ(lab->policy.addresses, policy::AddressPolicy::allow_private);
  EXPECT_TRUE(lab->policy.allow_any_port);
  ASSERT_TRUE(lab->policy.provider);
  EXPECT_EQ(lab->policy.provider->never, std::vector<std::string>{"/v1/keys"});
}

TEST_F(Providers, AreListedShownAndExported) {
  ASSERT_TRUE(add(file()));
  EXPECT_NE(ok("GET", "/aivault/providers")
                .find(R"({"capabilities":1,"enabled":true,"id":"x-acme","name":"Acme",)"
                      R"("problems":[]})"),
            std::string::npos);
  EXPECT_NE(ok("GET", "/aivault/providers/x-acme")
                .find(R"({"class":"destructive","flags":[],"id":"x-acme/items",)"
                      R"("methods":["GET","DELETE"],"paths":["/v1/items"],)"),
            std::string::npos);
  EXPECT_NE(ok("GET", "/aivault/providers/openai").find(R"("secrets":["OPENAI_API_KEY"])"),
            std::string::npos);
  const auto exported = ask("GET", "/aivault/providers/x-acme/export");
  ASSERT_TRUE(exported);
  EXPECT_EQ(exported->result.find("text")->text(), file());
  EXPECT_NE(ok("GET", "/aivault/providers/openai/export").find("OPENAI_API_KEY"),
            std::string::npos);
  EXPECT_EQ(refusal("GET", "/aivault/providers/x-none"), "provider 'x-none' not found");
  EXPECT_EQ(refusal("GET", "/aivault/providers/x-none/export"), "provider 'x-none' not found");
}

TEST_F(Providers, LeaveTheirMark) {
  ASSERT_TRUE(add(file()));
  ok("DELETE", "/aivault/providers/x-acme");
  const auto kinds = audit_kinds();
  EXPECT_NE(std::ranges::find(kinds, "provider.add"), kinds.end());
  EXPECT_NE(std::ranges::find(kinds, "provider.remove"), kinds.end());
}

TEST_F(Providers, LimitCapabilitiesOfTheOperatorAsCompiledInOnesDo) {
  ASSERT_TRUE(add(file()));
  EXPECT_NE(refusal("POST",
                    "/aivault/capabilities",
                    R"({"id":"x-acme/items","provider":"x-acme","methods":["GET"],"paths":["/"],)"
                    R"("hosts":["api.acme.test"]})")
                .find("already exists"),
            std::string::npos);
  ok("POST", "/aivault/capabilities/x-acme%2Fitems/disable", "{}");
  EXPECT_TRUE(snapshot()->is_disabled("x-acme/items"));
  ok("PUT", "/aivault/capabilities/x-acme%2Fitems/policy", R"({"maxRequestBodyBytes":100})");
  EXPECT_NE(snapshot()->find_policy("x-acme/items"), nullptr);
}

}  // namespace
}  // namespace aivault::admin
