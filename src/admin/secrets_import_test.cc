#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

constexpr const char* kRoute = "/aivault/secrets/import";

class SecretsImport : public DeskFixture {
 protected:
  std::string import_of(std::string_view entries) {
    return ok("POST", kRoute, R"({"scope":"global","entries":[)" + std::string(entries) + "]}");
  }
};

TEST_F(SecretsImport, CreatesRotatesSkipsAndNamesWhatFailed) {
  make_secret("B", "a-long-enough-value");
  make_secret("OTHER", "a-long-enough-value", R"(,"aliases":["D"])");
  EXPECT_EQ(
      import_of(
          R"({"name":"D","value":"hidden-value"},{"name":"C","value":"  "},)"
          R"({"name":"B","value":"another-value"},{"name":" A ","valueB64":"YWFhYWFhYWFhYWFh"},)"
          R"({"name":"E","valueB64":"?"},{"name":"F","value":""},{"name":"__aivault_x","value":"hidden-value"})"),
      R"({"created":["A"],"failed":[{"error":"secret name 'D' already exists","name":"D"},)"
      R"({"error":"'valueB64' must be standard padded base64","name":"E"},)"
      R"({"error":"names that begin with __aivault_ are reserved","name":"__aivault_x"}],)"
      R"("rotated":["B"],"skipped":["C","F"]})");
  const auto list = ok("GET", "/aivault/audit");
  EXPECT_EQ(list.find("hidden-value"), std::string::npos);
}

TEST_F(SecretsImport, GoesByNameAndTakesTheLastValue) {
  EXPECT_EQ(
      import_of(R"({"name":"B","value":"first-value-1"},{"name":"A","value":"value-of-a-12"},)"
                R"({"name":"B","value":""},{"name":"B","value":"last-value-12"})"),
      R"({"created":["A","B"],"failed":[],"rotated":[],"skipped":[]})");
  EXPECT_EQ(audit_kinds(), Texts({"vault.init", "secret.create", "secret.create"}));
  EXPECT_EQ(import_of(R"({"name":"B","value":"last-value-12"},{"name":"B","value":" "})"),
            R"({"created":[],"failed":[],"rotated":[],"skipped":["B"]})");
}

TEST_F(SecretsImport, KeepsToTheScopeItIsGiven) {
  make_secret("A", "a-long-enough-value");
  EXPECT_EQ(
      ok("POST",
         kRoute,
         R"({"scope":"workspace","workspaceId":"w","entries":[)"
         R"({"name":"A","value":"a-long-enough-value"},)"
         R"({"name":"TWILIO_AUTH_TOKEN","value":"0123456789abcdef"},)"
         R"({"name":"TWILIO_ACCOUNT_SID","value":"AC0123456789abcdef"}]})"),
      R"({"created":["A","TWILIO_ACCOUNT_SID","TWILIO_AUTH_TOKEN"],"failed":[],"rotated":[],"skipped":[]})");
  EXPECT_EQ(notices(),
            Texts({"Secret created: TWILIO_ACCOUNT_SID (pinned to provider: twilio)",
                   "Secret created: TWILIO_AUTH_TOKEN (pinned to provider: twilio)",
                   "Credential auto-provisioned: twilio:ws:w (14 capabilities enabled)"}));
}

TEST_F(SecretsImport, PinsALiveSecretWhoseNameIsClaimedNow) {
  ASSERT_TRUE(vault().change([](vault::Change& change) -> Result<void> {
    vault::NewSecret wanted;
    wanted.name = "OPENAI_API_KEY";
    TRY(change.create_secret(wanted, Secret::copy_of("sk-0123456789abcdef")));
    audit::Event event;
    event.kind = "secret.create";
    change.record(event);
    return {};
  }));
  EXPECT_EQ(import_of(R"({"name":"OPENAI_API_KEY","value":"sk-fedcba9876543210"})"),
            R"({"created":[],"failed":[],"rotated":["OPENAI_API_KEY"],"skipped":[]})");
  EXPECT_NE(ok("GET", "/aivault/secrets").find(R"("pinnedProvider":"openai")"), std::string::npos);
  EXPECT_TRUE(snapshot()->is_ready("openai"));
}

TEST_F(SecretsImport, OfNothingDoesNothing) {
  EXPECT_EQ(ok("POST", kRoute, "{}"), R"({"created":[],"failed":[],"rotated":[],"skipped":[]})");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "vault" / "vault.db"));
}

TEST_F(SecretsImport, RefusesMalformedRequestsAltogether) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"entries":{}})", "'entries' must be an array"},
      {R"({"entries":[1]})", "the request body must be a JSON object"},
      {R"({"entries":[{"name":"A","value":"abcdefghijkl"},{"name":" ","value":"x"}]})",
       "entry key cannot be empty"},
      {R"({"entries":[{"name":"A","colour":"red"}]})", "unknown key 'colour'"},
      {R"({"scope":"workspace","entries":[]})", "--workspace-id is required"},
      {R"({"from":"x"})", "unknown key 'from'"},
  };
  for (const auto& [body, marker] : rows) {
    const auto sentence = refusal("POST", kRoute, body);
    EXPECT_NE(sentence.find(marker), std::string::npos) << body << "\n" << sentence;
  }
  std::string many;
  for (int i = 0; i <= 10'000; ++i) many += i == 0 ? "1" : ",1";
  EXPECT_EQ(ask("POST", kRoute, R"({"entries":[)" + many + "]}").error().message,
            "'entries' must be at most 10000");
}

}  // namespace
}  // namespace aivault::admin
