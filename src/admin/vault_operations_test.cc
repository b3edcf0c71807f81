#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "admin/desk_fixture.h"
#include "admin/pem.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

class VaultOperations : public DeskFixture {
 protected:
  bool exists() const { return vault::Vault::exists(slot_.options().location); }
};

TEST_F(VaultOperations, DoNotMakeAVaultUnlessTheyNeedOne) {
  ok("GET", "/aivault/whoami");
  EXPECT_EQ(ok("GET", "/aivault/vault"),
            R"({"enabled":false,"providerType":null,"locked":true,"kekId":null})");
  ok("GET", "/aivault/doctor");
  EXPECT_FALSE(exists());
  ok("GET", "/aivault/status");
  EXPECT_TRUE(exists());
}

TEST_F(VaultOperations, SayWhoAsks) {
  EXPECT_EQ(
      ok("GET", "/aivault/whoami"),
      R"({"agent":null,"defaultAccess":"open","keyVariable":null,"listen":null,"operator":true,"pid":4711,"socket":"operator","token":null,"uid":1000,"user":"olga","vaultRoot":")" +
          slot_.options().location.root + R"("})");
  actor_.is_operator = false;
  actor_.uid = 1001;
  actor_.user = "agent";
  actor_.socket = "stdio";
  EXPECT_EQ(
      ok("GET", "/aivault/whoami"),
      R"({"agent":null,"defaultAccess":"open","listen":null,"operator":false,"pid":4711,"socket":"stdio","token":null,"uid":1001,"user":"agent"})");
}

TEST_F(VaultOperations, PrintTheStatusInTheDocumentedShape) {
  const auto root = slot_.options().location.root;
  const auto text = ok("GET", "/aivault/status");
  const auto kek = vault().status().kek_id.value_or("");
  EXPECT_EQ(
      text,
      R"({"audit":{"enabled":true,"mirrorPath":null},)"
      R"("daemon":{"defaultAccess":"open","hardening":{"seccomp":"off"},"listen":null,"listenOrigins":[],"pid":4711,"registryDigest":")" +
          std::string(registry::digest()) +
          R"(","shared":false,"socket":"/run/test.sock","uid":1000,"unlockedUntilMs":null,"version":"9.9.9"},)"
          R"("paths":{"auditDir":")" +
          root + R"(/audit","capabilitiesPath":")" + root + R"(/vault.db","configPath":")" + root +
          R"(/vault.json","databasePath":")" + root + R"(/vault.db","rootDir":")" + root +
          R"(","secretsDir":")" + root + R"("},"problems":[],"status":{"enabled":true,"kekId":")" +
          kek + R"(","locked":false,"providerType":"file","writable":true}})");
  facts_.private_child = true;
  EXPECT_NE(ok("GET", "/aivault/status").find(R"("daemon":null)"), std::string::npos);
}

TEST_F(VaultOperations, NameWhatNeedsAttention) {
  facts_.hardening = nullptr;  // The vault is looked at, not this process.
  const auto secret = make_secret("ACME_KEY", "no-colon-in-here", R"(,"expiresAtMs":1)");
  ok("POST",
     "/aivault/credentials",
     R"({"id":"acme","provider":"acme","auth":"basic","hosts":["api.acme.test"],"secretRef":"vault:secret:)" +
         secret + R"("})");
  const auto text = ok("GET", "/aivault/status");
  EXPECT_NE(text.find(R"({"id":"acme","kind":"credential","message":"basic secret must be JSON)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"({"id":"ID","kind":"secret","message":"secret ACME_KEY has expired"})"),
            std::string::npos)
      << text;
  const auto doctor = ok("GET", "/aivault/doctor");
  EXPECT_NE(doctor.find(R"({"detail":"credential 'acme' basic secret must be JSON)"),
            std::string::npos)
      << doctor;
  EXPECT_NE(doctor.find(R"("id":"records","status":"warn"})"), std::string::npos) << doctor;
  EXPECT_NE(doctor.find(R"({"detail":"secret ACME_KEY has expired")"), std::string::npos) << doctor;
  EXPECT_NE(doctor.find(R"("id":"secrets-due","status":"warn"})"), std::string::npos) << doctor;
  EXPECT_NE(doctor.find(R"("ok":true)"), std::string::npos) << doctor;
}

TEST_F(VaultOperations, ShowAVaultWhoseKeyIsGone) {
  EXPECT_NE(ok("GET", "/aivault/doctor").find("vault not enabled"), std::string::npos);
  ok("GET", "/aivault/status");
  const auto kek = vault().status().kek_id.value_or("");
  slot_.close();
  std::filesystem::remove(slot_.options().location.default_key_file);
  const auto text = ok("GET", "/aivault/status");
  EXPECT_NE(text.find(R"("kind":"vault","message":"vault provider misconfigured)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("status":{"enabled":true,"kekId":")" + kek +
                      R"(","locked":true,"providerType":"file","writable":false})"),
            std::string::npos)
      << text;
  const auto doctor = ok("GET", "/aivault/doctor");
  EXPECT_NE(doctor.find(R"("ok":false)"), std::string::npos) << doctor;
  EXPECT_NE(refusal("GET", "/aivault/secrets").find("vault provider misconfigured"),
            std::string::npos);
}

TEST_F(VaultOperations, InitialiseOnce) {
  const auto made = ok("POST", "/aivault/vault/init", R"({"provider":"file"})");
  EXPECT_TRUE(made.starts_with(R"({"enabled":true,"providerType":"file","locked":false,"kekId":")"))
      << made;
  make_secret("A", "a-long-enough-value");
  EXPECT_EQ(refusal("POST", "/aivault/vault/init", "{}"),
            "vault already initialized at '" + slot_.options().location.root + "'");
}

TEST_F(VaultOperations, GiveAnUntouchedVaultANewKey) {
  ok("GET", "/aivault/status");
  const auto key = (directory_ / "other.key").string();
  const auto made = ok("POST", "/aivault/vault/init", R"({"filePath":")" + key + R"("})");
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_NE(notices().front().find("has a new key now"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(key));
  EXPECT_EQ(ok("GET", "/aivault/vault"), made);
}

TEST_F(VaultOperations, RefuseWhatAProviderCannotDo) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"provider":"env","envVar":"AIVAULT_NO_SUCH_KEY"})",
       "environment variable 'AIVAULT_NO_SUCH_KEY': it is not set"},
      {R"({"provider":"env","envVar":"A B"})", "names a variable that cannot be"},
      {R"({"provider":"env","envVar":""})", "--env-var must not be empty"},
      {R"({"provider":"passphrase"})", "--passphrase is required for --provider passphrase"},
      {R"({"provider":"passphrase","passphrase":""})", "'passphrase' must not be empty"},
      {R"({"provider":"passphrase","passphrase":" \t"})", "must not be empty or only white space"},
      {R"({"provider":"passphrase","passphrase":7})", "'passphrase' must be a string"},
      {R"({"passphrase":"long enough"})", "--passphrase does not belong to --provider file"},
      {R"({"provider":"systemd-creds"})", "start the daemon's unit"},
      {R"({"provider":"systemd-creds","filePath":"/k"})",
       "--file-path does not belong to --provider systemd-creds"},
      {R"({"provider":"keyring"})", "keys in the kernel keyring are not supported"},
      {R"({"provider":"file","credentialName":"k"})",
       "--credential-name does not belong to --provider file"},
      {R"({"provider":"file","keychainService":"k"})",
       "--keychain-service does not belong to --provider file"},
      {R"({"provider":"macos-keychain"})", "macos-keychain is only available on macOS"},
      {R"({"provider":"tpm"})", "unknown key provider 'tpm'"},
      {R"({"provider":"file","envVar":"K"})", "--env-var does not belong to --provider file"},
      {R"({"filePath":"kek.key"})", "'filePath' must be an absolute path"},
      {R"({"path":"/x"})", "unknown key 'path'"},
  };
  for (const auto& [body, marker] : rows) {
    const auto sentence = refusal("POST", "/aivault/vault/init", body);
    EXPECT_NE(sentence.find(marker), std::string::npos) << body << "\n" << sentence;
  }
  EXPECT_FALSE(exists());
}

TEST_F(VaultOperations, LockAndUnlockAVaultWithAPassphrase) {
  facts_.hardening = nullptr;  // The vault is looked at, not this process.
  const auto made =
      ok("POST", "/aivault/vault/init", R"({"provider":"passphrase","passphrase":"too short"})");
  EXPECT_TRUE(made.starts_with(R"({"enabled":true,"providerType":"passphrase","locked":true)"))
      << made;
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_NE(notices().front().find("fewer than 12 characters"), std::string::npos);

  const auto status = ok("GET", "/aivault/status");
  EXPECT_NE(status.find(R"("locked":true)"), std::string::npos) << status;
  EXPECT_NE(status.find(R"("problems":[])"), std::string::npos) << status;
  EXPECT_EQ(ok("GET", "/aivault/vault"), made);
  EXPECT_EQ(refusal("POST", "/aivault/secrets", R"({"name":"A","value":"x"})"), "vault locked");
  EXPECT_EQ(refusal("GET", "/aivault/audit/verify"), "vault locked");
  for (const auto* list : {"/aivault/bindings",
                           "/aivault/secrets",
                           "/aivault/credentials",
                           "/aivault/capabilities",
                           "/aivault/capabilities/openai%2Fmodels",
                           "/aivault/audit"}) {
    const auto text = ok("GET", list);
    EXPECT_NE(text.find("records are unverified while the vault is locked"), std::string::npos)
        << list << text;
  }
  const auto doctor = ok("GET", "/aivault/doctor");
  EXPECT_NE(doctor.find("aivault unlock"), std::string::npos) << doctor;
  EXPECT_NE(doctor.find(R"("ok":true)"), std::string::npos) << doctor;

  EXPECT_NE(refusal("POST", "/aivault/vault/unlock", R"({"passphrase":"wrong one"})")
                .find("wrong passphrase (decrypt failed)"),
            std::string::npos);
  const auto open =
      ok("POST", "/aivault/vault/unlock", R"({"passphrase":"too short","forMs":3600000})");
  EXPECT_NE(open.find(R"("locked":false)"), std::string::npos) << open;
  EXPECT_NE(ok("GET", "/aivault/status").find(R"("unlockedUntilMs":T)"), std::string::npos);
  make_secret("A", "a-long-enough-value");
  EXPECT_EQ(ok("GET", "/aivault/secrets").find("warnings"), std::string::npos);

  const auto locked = ok("POST", "/aivault/vault/lock", "{}");
  EXPECT_NE(locked.find(R"("locked":true)"), std::string::npos) << locked;
  EXPECT_NE(ok("GET", "/aivault/secrets").find(R"("name":"A")"), std::string::npos);
  EXPECT_EQ(refusal("POST", "/aivault/secrets", R"({"name":"B","value":"x"})"), "vault locked");
  actor_.is_operator = false;
  EXPECT_EQ(refusal("GET", "/aivault/capabilities"), "vault locked");
  EXPECT_EQ(refusal("GET", "/aivault/capabilities/openai%2Fmodels"), "vault locked");
}

TEST_F(VaultOperations, SayWhichVariableHoldsTheKey) {
  EXPECT_NE(ok("GET", "/aivault/whoami").find(R"("keyVariable":null)"), std::string::npos);
  ok("GET", "/aivault/status");
  std::ofstream(slot_.options().location.root + "/vault.json")
      << R"({"version":2,"provider":{"type":"env","envVar":"MY_KEY"}})";
  EXPECT_NE(ok("GET", "/aivault/whoami").find(R"("keyVariable":"MY_KEY")"), std::string::npos);
}

TEST_F(VaultOperations, ExamineTheVault) {
  facts_.hardening = nullptr;  // The vault is looked at, not this process.
  make_secret("A", "a-long-enough-value");
  const auto answer = ask("GET", "/aivault/doctor");
  ASSERT_TRUE(answer);
  std::set<std::string> ids;
  for (const auto& check : answer->result.find("checks")->items()) {
    ids.emplace(check.find("id")->text());
    EXPECT_EQ(check.find("status")->text(), "ok") << check.find("detail")->text();
  }
  for (const auto* id : {"vault-directory",
                         "vault-files",
                         "key-file-mode",
                         "kek-check",
                         "database",
                         "records",
                         "secrets-due"}) {
    EXPECT_TRUE(ids.contains(id)) << id;
  }
  EXPECT_TRUE(answer->result.find("ok")->boolean());
}

TEST_F(VaultOperations, PageAndFilterTheAudit) {
  for (const auto* name : {"A", "B", "C"}) make_secret(name, "a-long-enough-value");
  const auto first = ask("GET", "/aivault/audit?limit=2&kind=secret.*");
  ASSERT_TRUE(first);
  const auto& items = first->result.find("items")->items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].find("seq")->text(), "4");
  const auto rest = ask("GET",
                        "/aivault/audit?limit=2&kind=secret.*&cursor=" +
                            std::string(first->result.find("next")->text()));
  ASSERT_TRUE(rest);
  ASSERT_EQ(rest->result.find("items")->items().size(), 1U);
  EXPECT_TRUE(rest->result.find("next")->is(json::Kind::null));
  EXPECT_EQ(ok("GET", "/aivault/audit?limit=0"), R"({"items":[],"next":null})");
  EXPECT_EQ(refusal("GET", "/aivault/audit?outcome=maybe"),
            "'outcome' must be started, ok, denied or error");
  EXPECT_EQ(refusal("GET", "/aivault/audit?uid=me"), "'uid' must be an integer");
}

TEST_F(VaultOperations, VerifyTheAudit) {
  make_secret("A", "a-long-enough-value");
  const auto found = ask("GET", "/aivault/audit/verify");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->result.find("ok")->boolean());
  EXPECT_EQ(found->result.find("events")->text(), "2");
  const auto head = std::string(found->result.find("headSeq")->text()) + ":" +
                    std::string(found->result.find("headHash")->text());
  EXPECT_NE(ok("GET", "/aivault/audit/verify?head=" + head).find(R"("ok":true)"),
            std::string::npos);
  const auto wrong = "2:" + std::string(64, '0');
  EXPECT_NE(ok("GET", "/aivault/audit/verify?head=" + wrong).find(R"("ok":false)"),
            std::string::npos);
  for (const auto* none : {"nonsense", "", "%20"}) {
    EXPECT_EQ(refusal("GET", "/aivault/audit/verify?head=" + std::string(none)),
              "--head must be SEQ:HASH, as `audit verify` prints them");
  }
}

TEST(Operations, AreUniqueAndOnlyKnowledgeIsForAnybody) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& operation : operations()) {
    EXPECT_TRUE(seen.emplace(operation.method, operation.path).second) << operation.path;
    if (operation.audience == Audience::any) {
      EXPECT_EQ(operation.method, "GET") << operation.path;
    }
    EXPECT_EQ(operation.max_body == 0, operation.method == "GET" || operation.method == "DELETE")
        << operation.path;
  }
  EXPECT_EQ(seen.size(), 59U);
}

TEST(TrustAnchors, AreCertificatesOnly) {
  const std::string good = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  EXPECT_TRUE(check_trust_anchors(good));
  EXPECT_TRUE(check_trust_anchors("a comment\n" + good + good));
  for (const auto& bad :
       {std::string(),
        std::string("-----BEGIN CERTIFICATE-----\nMIIB\n"),
        std::string("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        good + "-----BEGIN PRIVATE KEY-----",
        good + std::string(std::size_t{256} << 10U, ' ')}) {
    EXPECT_FALSE(check_trust_anchors(bad)) << bad.substr(0, 80);
  }
}

}  // namespace
}  // namespace aivault::admin
