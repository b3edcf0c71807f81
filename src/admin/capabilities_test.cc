#include <gtest/gtest.h>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

class Capabilities : public DeskFixture {
 protected:
  std::string create(const std::string& fields) {
    return ok("POST", "/aivault/capabilities", "{" + fields + "}");
  }
  std::string refused(const std::string& fields) {
    return refusal("POST", "/aivault/capabilities", "{" + fields + "}");
  }
  void make_items() {
    create(
        R"("id":"acme/items","provider":"acme","methods":["get"],"paths":["/v1/items"],"hosts":["api.acme.test"])");
  }
};

TEST_F(Capabilities, ArePrintedInTheDocumentedShape) {
  EXPECT_EQ(
      create(
          R"("id":"acme/items","provider":"acme","methods":["get"],"paths":["/v1/items"],"hosts":["API.acme.test"])"),
      R"({"id":"acme/items","provider":"acme","allow":{"hosts":["api.acme.test"],"methods":["GET"],"pathPrefixes":["/v1/items"]}})");
}

TEST_F(Capabilities, TakeProviderAndHostFromACredential) {
  make_custom("acme", make_secret("A", "a-long-enough-value"));
  EXPECT_EQ(
      create(R"("id":"acme/items","credential":"acme","methods":["GET"],"paths":["/v1"])"),
      R"({"id":"acme/items","provider":"acme","allow":{"hosts":["api.acme.test"],"methods":["GET"],"pathPrefixes":["/v1"]}})");
}

// Cases 70, 75.
TEST_F(Capabilities, AreCheckedInTheDocumentedOrder) {
  make_items();
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  const std::string id = R"("id":"acme/new")";
  const std::string rest = R"(,"methods":["GET"],"paths":["/v1"])";
  const std::vector<std::pair<std::string, const char*>> rows = {
      {R"("methods":[])", "capability id is required"},
      {R"("id":"a*")", "must not contain *"},
      {R"("id":"acme/items")", "capability 'acme/items' already exists"},
      {R"("id":"openai/models")", "capability 'openai/models' already exists"},
      {R"("id":"openai/assistants")", "capability 'openai/assistants' already exists"},
      {R"("id":"postgres/query")", "already exists"},
      {R"("id":"plaid/x")", "are reserved"},
      {R"("id":"__aivault/health")", "are reserved"},
      {id, "at least one --method is required"},
      {id + R"(,"methods":["GET"])", "at least one --path is required"},
      {id + rest, "--provider or --credential is required"},
      {id + rest + R"(,"credential":"nope")", "credential 'nope' not found"},
      {id + rest + R"(,"provider":"acme")",
       "at least one --host is required when --credential is not provided"},
      {id + rest + R"(,"provider":"acme","hosts":["a.test","b.test"])",
       "core conformance requires allow.hosts length = 1"},
      {id + rest + R"(,"credential":"twilio")", "core conformance requires allow.hosts length = 1"},
      {id + rest + R"(,"provider":"acme","hosts":["*.acme.test"])",
       "core conformance requires allow.hosts length = 1"},
      {id + R"(,"methods":["TRACE"],"paths":["/"],"provider":"acme","hosts":["a.test"])",
       "method 'TRACE' is not allowed"},
      {id + R"(,"methods":["GET"],"paths":["/a?b"],"provider":"acme","hosts":["a.test"])",
       "invalid path prefix"},
      {id + R"(,"method":"GET")", "unknown key 'method'"},
  };
  for (const auto& [fields, marker] : rows) {
    const auto sentence = refused(fields);
    EXPECT_NE(sentence.find(marker), std::string::npos) << fields << "\n" << sentence;
  }
}

TEST_F(Capabilities, AreReadyOnceTheirProviderHasACredential) {
  make_items();
  const auto before = ask("GET", "/aivault/capabilities");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->form, Answer::Form::ad_hoc);
  ASSERT_EQ(before->result.find("capabilities")->items().size(), 1U);
  EXPECT_EQ(before->result.find("capabilities")->items()[0].find("id")->text(), "acme/items");
  const auto waiting = before->result.find("registryCapabilities")->items().size();
  make_secret("ANTHROPIC_API_KEY", "sk-ant-0123456789");
  const auto after = ask("GET", "/aivault/capabilities");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->result.find("capabilities")->items().size(), 11U);
  EXPECT_EQ(after->result.find("registryCapabilities")->items().size(), waiting - 10);
  EXPECT_EQ(after->result.find("path")->text(), slot_.options().location.root + "/vault.db");
}

TEST_F(Capabilities, ThatAreDisabledAreInNeitherList) {
  make_items();
  make_secret("ANTHROPIC_API_KEY", "sk-ant-0123456789");
  EXPECT_EQ(
      ok("DELETE", "/aivault/capabilities/anthropic%2Fmessages"),
      R"({"disabled":true,"id":"anthropic/messages","removedCapability":true,"removedPolicy":false})");
  EXPECT_EQ(
      ok("DELETE", "/aivault/capabilities/anthropic%2Fmessages"),
      R"({"disabled":true,"id":"anthropic/messages","removedCapability":false,"removedPolicy":false})");
  EXPECT_EQ(ok("POST", "/aivault/capabilities/acme%2Fitems/disable"),
            R"({"enabled":false,"id":"acme/items"})");
  const auto list = ok("GET", "/aivault/capabilities");
  EXPECT_NE(list.find(R"("disabledCapabilities":["acme/items","anthropic/messages"])"),
            std::string::npos);
  EXPECT_EQ(list.find(R"("id":"anthropic/messages")"), std::string::npos);
  EXPECT_EQ(list.find(R"("id":"acme/items")"), std::string::npos);
  EXPECT_TRUE(snapshot()->is_disabled("anthropic/messages"));
  EXPECT_EQ(ok("POST", "/aivault/capabilities/anthropic%2Fmessages/enable"),
            R"({"enabled":true,"id":"anthropic/messages"})");
  EXPECT_FALSE(snapshot()->is_disabled("anthropic/messages"));
}

TEST_F(Capabilities, OfTheOperatorAreRemoved) {
  make_items();
  EXPECT_EQ(ok("DELETE", "/aivault/capabilities/acme%2Fitems"),
            R"({"id":"acme/items","removedCapability":true,"removedPolicy":false})");
  EXPECT_EQ(ok("DELETE", "/aivault/capabilities/acme%2Fitems"),
            R"({"id":"acme/items","removedCapability":false,"removedPolicy":false})");
  EXPECT_EQ(refusal("POST", "/aivault/capabilities/acme%2Fitems/enable"),
            "capability 'acme/items' not found");
  EXPECT_EQ(refusal("GET", "/aivault/capabilities/acme%2Fitems"),
            "capability 'acme/items' not found");
}

TEST_F(Capabilities, AreNarrowedForCallersWhoAreNotOperators) {
  make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  make_secret("ANTHROPIC_API_KEY", "sk-ant-01234567", R"(,"scope":"workspace","workspaceId":"w")");
  actor_.is_operator = false;
  const auto list = ask("GET", "/aivault/capabilities");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->result.find("capabilities")->items().size(), 20U);  // All but the explicit one.
  for (const auto* key : {"registryCapabilities", "disabledCapabilities", "policies"}) {
    EXPECT_TRUE(list->result.find(key)->items().empty()) << key;
  }
  EXPECT_TRUE(list->result.find("path")->is(json::Kind::null));
  ok("GET", "/aivault/capabilities/openai%2Fmodels");
  ok("GET", "/aivault/capabilities/openai%2Fassistants");
  for (const auto* id :
       {"openai%2Frealtime-client-secrets", "anthropic%2Fmessages", "stripe%2Fx"}) {
    const auto sentence = refusal("GET", "/aivault/capabilities/" + std::string(id));
    EXPECT_NE(sentence.find("not found"), std::string::npos) << sentence;
  }
}

TEST_F(Capabilities, DescribeThemselves) {
  make_items();
  EXPECT_EQ(
      ok("GET", "/aivault/capabilities/acme%2Fitems"),
      R"({"allowed":{"hosts":["api.acme.test"],"methods":["GET"],"pathPrefixes":["/v1/items"]},)"
      R"("call":{"defaults":{"method":"GET","path":"/v1/items"},"howTo":{"examples":[)"
      R"({"command":"aivault invoke acme/items","title":"Minimal call"},)"
      R"({"command":"aivault invoke acme/items --request '{\"headers\":[],\"method\":\"GET\",\"path\":\"/v1/items\"}'","title":"Whole request as JSON"}],)"
      R"("notes":["The method is GET unless --method says so.","The path is /v1/items unless --path says otherwise.","--request and --request-file carry the whole request.","--credential picks one of several credentials."],)"
      R"("templates":{"envelope":{"capability":"acme/items","request":{"headers":[],"method":"GET","path":"/v1/items"}},"request":{"headers":[],"method":"GET","path":"/v1/items"}}},)"
      R"("optionalFlags":["--credential","--header NAME=VALUE","--body TEXT","--body-file-path PATH","--multipart-field KEY=VALUE","--multipart-file FIELD=PATH","--workspace-id ID","--group-id ID","--client-ip IP","--timeout-ms MS","--stream","--include","--fail"],)"
      R"("payloadModes":["--request '<json>'","--request-file <path>"],"requiredFlagsWhenNoRequestPayload":[]},)"
      R"("capability":"acme/items","provider":"acme","setup":null})");
}

TEST_F(Capabilities, SayWhatAMinimalCallMustName) {
  create(
      R"("id":"acme/it's","provider":"acme","methods":["GET","POST"],"paths":["/a'b","/c"],"hosts":["api.acme.test"])");
  const auto text = ok("GET", "/aivault/capabilities/acme%2Fit's");
  EXPECT_NE(text.find(R"("requiredFlagsWhenNoRequestPayload":["--method","--path"])"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(aivault invoke 'acme/it'\\''s' --method POST --path '/a'\\''b'")"),
            std::string::npos)
      << text;
}

TEST_F(Capabilities, OfTheRegistryDescribeTheirClassAndSetup) {
  const auto text = ok("GET", "/aivault/capabilities/telegram%2Fget-me");
  for (
      const auto* part : {
          R"("pathPatterns":["/getMe$"],"pathPrefixes":["/getMe"])",
          R"("class":"read")",
          R"("flags":[])",
          R"("provider":"telegram")",
          R"("summary":")",
          R"("example":{"method":")",
          R"("setup":{"commands":["aivault secrets create --name TELEGRAM_BOT_TOKEN --scope global"],"note":")",
          R"("requiredSecrets":{"TELEGRAM_BOT_TOKEN":"secret"})",
      }) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const auto twilio = ok("GET", "/aivault/capabilities/twilio%2Fapi");
  EXPECT_NE(twilio.find(R"("flags":["explicit"])"), std::string::npos) << twilio;
  EXPECT_NE(
      twilio.find(
          R"("requiredSecrets":{"TWILIO_ACCOUNT_SID":"username","TWILIO_AUTH_TOKEN":"password"})"),
      std::string::npos)
      << twilio;
}

TEST_F(Capabilities, ThatAreRetiredStayDescribable) {
  const auto text = ok("GET", "/aivault/capabilities/openai%2Fassistants");
  for (
      const auto* part :
      {R"("retired":"capability 'openai/assistants' is retired: the vendor closed it on 26 August 2026; use 'openai/responses', 'openai/conversations'")",
       R"("allowed":{"hosts":[],"methods":[],"pathPrefixes":[]})",
       R"("examples":[])",
       R"("request":{"headers":[]}}})",
       R"("provider":"openai")"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST_F(Capabilities, ThatWereTamperedWithCanOnlyBeDeleted) {
  make_items();
  tamper(R"(["/v1/items"])", R"(["/v1/admin"])");
  EXPECT_TRUE(snapshot()->is_refused("acme/items"));
  EXPECT_EQ(refusal("GET", "/aivault/capabilities/acme%2Fitems"),
            "row integrity check failed: capabilities/acme/items");
  actor_.is_operator = false;
  EXPECT_EQ(refusal("GET", "/aivault/capabilities/acme%2Fitems"),
            "capability 'acme/items' not found");
  actor_.is_operator = true;
  EXPECT_EQ(refused(R"("id":"acme/items")"), "capability 'acme/items' already exists");
  EXPECT_EQ(ok("DELETE", "/aivault/capabilities/acme%2Fitems"),
            R"({"id":"acme/items","removedCapability":true,"removedPolicy":false})");
  make_items();
}

TEST_F(Capabilities, AreRecordedInTheAudit) {
  make_items();
  ok("POST", "/aivault/capabilities/acme%2Fitems/disable");
  ok("DELETE", "/aivault/capabilities/openai%2Fmodels");
  ok("POST", "/aivault/capabilities/openai%2Fmodels/enable");
  ok("DELETE", "/aivault/capabilities/acme%2Fitems");
  EXPECT_EQ(audit_kinds(),
            Texts({"vault.init",
                   "capability.create",
                   "capability.disable",
                   "capability.disable",
                   "capability.enable",
                   "capability.delete"}));
  const auto created = ok("GET", "/aivault/audit?kind=capability.create");
  EXPECT_NE(created.find(R"("note":"provider acme body )"), std::string::npos) << created;
}

}  // namespace
}  // namespace aivault::admin
