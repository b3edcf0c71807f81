// Names that a provider claims, names of a family, other names and aliases, in every operation.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

constexpr const char* kValue = "AIza0123456789abcdef";

class NamesAndPins : public DeskFixture {
 protected:
  Texts credential_ids() {
    Texts ids;
    const auto snap = snapshot();
    for (const auto& credential : snap->credentials()) ids.push_back(credential.id);
    return ids;
  }
  std::string pin_of(const std::string& id) {
    const auto answer = ask("GET", "/aivault/secrets/" + id);
    const auto* pin = answer ? answer->result.find("pinnedProvider") : nullptr;
    return pin != nullptr ? std::string(pin->text()) : "";
  }
  // "" when it is done, else the refusal.
  std::string patch(const std::string& id, const std::string& body) {
    const auto answer = ask("PATCH", "/aivault/secrets/" + id, body);
    return answer ? "" : answer.error().message;
  }
  std::string rename(const std::string& id, const std::string& name) {
    return patch(id, R"({"name":")" + name + R"("})");
  }
  std::string give_alias(const std::string& id, const std::string& alias) {
    return patch(id, R"({"aliases":[")" + alias + R"("]})");
  }
  void remove(const std::string& id) { ok("DELETE", "/aivault/secrets/" + id); }
};

TEST_F(NamesAndPins, GiveEveryMemberOfAFamilyACredential) {
  const auto id = make_secret("GOOGLE_API_KEY", kValue);
  EXPECT_EQ(pin_of(id), "family:google");
  EXPECT_EQ(credential_ids(), Texts({"gemini:family", "google-places:family"}));
  EXPECT_TRUE(snapshot()->is_ready("gemini"));
  EXPECT_TRUE(snapshot()->is_ready("google-places"));
  make_secret("GOOGLE_API_KEY", kValue, R"(,"scope":"workspace","workspaceId":"w")");
  EXPECT_EQ(notices(),
            Texts({"Secret created: GOOGLE_API_KEY (pinned to provider: family:google)",
                   "Credential auto-provisioned: gemini:family:ws:w (10 capabilities enabled)",
                   "Credential auto-provisioned: google-places:family:ws:w (4 capabilities "
                   "enabled)"}));
  ok("POST", "/aivault/credentials/gemini:family/disable");
  remove(id);
  EXPECT_EQ(credential_ids(),
            Texts({"gemini:family", "gemini:family:ws:w", "google-places:family:ws:w"}));
  make_secret("GOOGLE_API_KEY", kValue);
  EXPECT_FALSE(snapshot()->find_credential("gemini:family")->enabled);
  EXPECT_TRUE(snapshot()->find_credential("google-places:family")->enabled);
}

TEST_F(NamesAndPins, PreferTheOwnSecretOfAProvider) {
  make_secret("GOOGLE_API_KEY", kValue);
  make_secret("GEMINI_API_KEY", kValue);
  const auto snap = snapshot();
  EXPECT_GT(snap->find_credential("gemini")->priority,
            snap->find_credential("gemini:family")->priority);
}

TEST_F(NamesAndPins, LetMembersAloneUseTheSecretOfAFamily) {
  const auto id = make_secret("GOOGLE_API_KEY", kValue);
  const auto create = [&](const std::string& credential, const std::string& provider) {
    const auto answer = ask("POST",
                            "/aivault/credentials",
                            R"({"id":")" + credential + R"(","provider":")" + provider +
                                R"(","secretRef":"vault:secret:)" + id +
                                R"(","auth":{"header":{}},"hosts":["api.acme.test"]})");
    return answer ? "" : answer.error().message;
  };
  const auto member =
      ask("POST",
          "/aivault/credentials",
          R"({"id":"mine","provider":"gemini","secretRef":"vault:secret:)" + id + R"("})");
  EXPECT_TRUE(member);
  EXPECT_EQ(create("custom", "acme"),
            "secret is pinned to provider 'family:google' and cannot be used for provider 'acme'");
  const auto stranger =
      ask("POST",
          "/aivault/credentials",
          R"({"id":"x","provider":"openai","secretRef":"vault:secret:)" + id + R"("})");
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().message,
            "secret is pinned to provider 'family:google' and cannot be used for provider "
            "'openai'");
}

TEST_F(NamesAndPins, DecideWhatASecretMayBeRenamedTo) {
  struct Row {
    const char *from, *to;
    const char* refusal;  // "" when it is allowed.
    const char* pin;      // Afterwards.
  };
  const Row rows[] = {
      {"MY_KEY", "OTHER_KEY", "", ""},
      {"MY_KEY", "OPENAI_API_KEY", "", "openai"},
      {"MY_KEY", "GOOGLE_API_KEY", "", "family:google"},
      {"OPENAI_API_KEY", "MY_KEY", "", "openai"},
      {"OPENAI_API_KEY",
       "ANTHROPIC_API_KEY",
       "secret is pinned to provider 'openai' and cannot take a name of provider 'anthropic'",
       "openai"},
      {"OPENAI_API_KEY",
       "GOOGLE_API_KEY",
       "secret is pinned to provider 'openai' and cannot take a name of family 'google'",
       "openai"},
      {"GOOGLE_API_KEY", "MY_KEY", "", "family:google"},
      {"GOOGLE_API_KEY",
       "GEMINI_API_KEY",
       "secret is pinned to provider 'family:google' and cannot take a name of provider 'gemini'",
       "family:google"},
      {"GEMINI_API_KEY",
       "GOOGLE_API_KEY",
       "secret is pinned to provider 'gemini' and cannot take a name of family 'google'",
       "gemini"},
      {"TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", "", "twilio"},
  };
  for (const auto& row : rows) {
    const auto id = make_secret(row.from, kValue);
    EXPECT_EQ(rename(id, row.to), row.refusal) << row.from << " " << row.to;
    EXPECT_EQ(pin_of(id), row.pin) << row.from << " " << row.to;
    remove(id);
    EXPECT_EQ(credential_ids(), Texts()) << row.from << " " << row.to;
  }
}

TEST_F(NamesAndPins, DecideWhichAliasesASecretMayHave) {
  struct Row {
    const char *name, *alias;
    const char* refusal;
  };
  const Row rows[] = {
      {"MY_KEY", "OTHER", ""},
      {"MY_KEY",
       "OPENAI_API_KEY",
       "alias 'OPENAI_API_KEY' is a name of provider 'openai': only a secret pinned to provider "
       "'openai' can have it"},
      {"MY_KEY",
       "GOOGLE_API_KEY",
       "alias 'GOOGLE_API_KEY' is a name of family 'google': only a secret pinned to provider "
       "'family:google' can have it"},
      {"GEMINI_API_KEY",
       "GOOGLE_API_KEY",
       "alias 'GOOGLE_API_KEY' is a name of family 'google': only a secret pinned to provider "
       "'family:google' can have it"},
      {"GOOGLE_API_KEY",
       "GEMINI_API_KEY",
       "alias 'GEMINI_API_KEY' is a name of provider 'gemini': only a secret pinned to provider "
       "'gemini' can have it"},
      {"TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID", ""},
  };
  for (const auto& row : rows) {
    const auto id = make_secret(row.name, kValue);
    EXPECT_EQ(give_alias(id, row.alias), row.refusal) << row.name << " " << row.alias;
    remove(id);
  }
  // On creation alike.
  const auto refused =
      refusal("POST",
              "/aivault/secrets",
              R"({"name":"MY_KEY","value":"abcdefghijkl","aliases":["GOOGLE_API_KEY"]})");
  EXPECT_EQ(refused, rows[2].refusal);
}

TEST_F(NamesAndPins, MakeNoCredentialOfAnAlias) {
  const auto id = make_secret("OPENAI_API_KEY", kValue);
  EXPECT_EQ(rename(id, "MY_KEY"), "");
  EXPECT_EQ(give_alias(id, "OPENAI_API_KEY"), "");
  EXPECT_EQ(credential_ids(), Texts());
  make_secret("TWILIO_ACCOUNT_SID", kValue, R"(,"aliases":["TWILIO_AUTH_TOKEN"])");
  EXPECT_EQ(credential_ids(), Texts());
}

TEST_F(NamesAndPins, AreRecordedWhenAPinIsAdded) {
  const auto id = make_secret("MY_KEY", kValue);
  rename(id, "GOOGLE_API_KEY");
  EXPECT_EQ(audit_kinds(),
            Texts({"vault.init",
                   "secret.create",
                   "secret.update",
                   "secret.pin_provider",
                   "credential.provision",
                   "credential.provision"}));
  const auto list = ok("GET", "/aivault/audit?kind=secret.pin_provider");
  EXPECT_NE(list.find("name GOOGLE_API_KEY, value version 1, provider family:google"),
            std::string::npos)
      << list;
}

TEST_F(NamesAndPins, StillOpenTheValueThatWasSealedAgainForThePin) {
  const auto id = make_secret("MY_KEY", kValue);
  rename(id, "GOOGLE_API_KEY");
  const auto opened = vault().open_secret(SecretId(id), {}, vault::Opener::other);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->value.size(), std::string_view(kValue).size());
}

class Composites : public NamesAndPins {
 protected:
  std::string composite() { return snapshot()->find_credential("twilio")->secret_id->str(); }
  std::string expiry_of(const std::string& id) {
    const auto answer = ask("GET", "/aivault/secrets/" + id);
    const auto* expiry = answer ? answer->result.find("expiresAtMs") : nullptr;
    return expiry != nullptr ? std::string(expiry->text()) : "never";
  }
};

TEST_F(Composites, OpenNoLongerThanEachOfTheirMembers) {
  const auto sid = make_secret("TWILIO_ACCOUNT_SID", kValue, R"(,"expiresAtMs":4102444800000)");
  const auto token = make_secret("TWILIO_AUTH_TOKEN", kValue);
  EXPECT_EQ(expiry_of(composite()), "4102444800000");
  EXPECT_EQ(patch(token, R"({"expiresAtMs":4102444700000})"), "");
  EXPECT_EQ(expiry_of(composite()), "4102444700000");
  EXPECT_EQ(patch(token, R"({"expiresAtMs":null})"), "");
  EXPECT_EQ(expiry_of(composite()), "4102444800000");
  EXPECT_EQ(patch(sid, R"({"expiresAtMs":1})"), "");
  const auto opened = vault().open_secret(SecretId(composite()), {}, vault::Opener::other);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "secret_expired");
  EXPECT_EQ(patch(sid, R"({"expiresAtMs":null})"), "");
  EXPECT_EQ(expiry_of(composite()), "never");
}

TEST_F(Composites, RefuseAMemberThatMakesThemTooLarge) {
  const std::string half(600'000, 'x');
  make_secret("TWILIO_ACCOUNT_SID", half);
  const auto refused = refusal(
      "POST", "/aivault/secrets", R"({"name":"TWILIO_AUTH_TOKEN","value":")" + half + R"("})");
  EXPECT_EQ(refused, "the secrets of provider 'twilio' together have more than 1048576 bytes");
  const auto token = make_secret("TWILIO_AUTH_TOKEN", kValue);
  const auto before = composite();
  EXPECT_EQ(
      refusal("POST", "/aivault/secrets/" + token + "/rotate", R"({"value":")" + half + R"("})"),
      "the secrets of provider 'twilio' together have more than 1048576 bytes");
  EXPECT_EQ(composite(), before);
}

TEST_F(Composites, FollowARenamedMember) {
  const auto sid = make_secret("TWILIO_ACCOUNT_SID", kValue);
  make_secret("TWILIO_AUTH_TOKEN", kValue);
  EXPECT_EQ(rename(sid, "MY_SID"), "");
  EXPECT_EQ(notices(), Texts({"Credential removed: twilio"}));
  EXPECT_EQ(ok("GET", "/aivault/secrets").find("__aivault_registry"), std::string::npos);
  EXPECT_EQ(rename(sid, "TWILIO_ACCOUNT_SID"), "");
  EXPECT_EQ(credential_ids(), Texts({"twilio"}));
}

TEST_F(Composites, AreNotSealedWithoutAMemberThatIsRefused) {
  make_secret("TWILIO_ACCOUNT_SID", kValue, R"(,"aliases":["ALIASQQQ"])");
  const auto token = make_secret("TWILIO_AUTH_TOKEN", kValue);
  tamper("ALIASQQQ", "ALIASQQZ");
  const auto refused =
      refusal("POST", "/aivault/secrets/" + token + "/rotate", R"({"value":"another-token-123"})");
  EXPECT_NE(refused.find("row integrity check failed"), std::string::npos) << refused;
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");  // Others are not concerned.
  remove(token);
  EXPECT_EQ(credential_ids(), Texts({"openai"}));
}

}  // namespace
}  // namespace aivault::admin
