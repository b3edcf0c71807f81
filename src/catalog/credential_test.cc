#include "catalog/credential.h"

#include <gtest/gtest.h>

#include "catalog/facts.h"
#include "json/write.h"
#include "registry/registry.h"

namespace aivault::catalog {
namespace {

constexpr const char* kSecret = "0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44";

vault::CredentialRow custom_row() {
  vault::CredentialRow row;
  row.id = row.provider = "acme";
  row.secret_id = SecretId(kSecret);
  row.body =
      R"({"auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},"hosts":["api.acme.test"]})";
  return row;
}

TEST(Credential, PrintsThePlainShapeInDocumentedOrder) {
  const auto credential = parse_credential(custom_row(), nullptr);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(
      json::compact(to_json(*credential)),
      R"({"id":"acme","provider":"acme","workspaceId":null,"groupId":null,"auth":{"header":{"header_name":"authorization","value_template":"Bearer {{secret}}"}},"hosts":["api.acme.test"],"secretRef":"vault:secret:0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44"})");
  EXPECT_EQ(credential->state, CredentialState::ready);
  EXPECT_TRUE(credential->policy.allow_any_port);
}

TEST(Credential, PrintsEveryKeyThatIsSetInDocumentedOrder) {
  Facts facts;
  facts.auth = registry::AuthSpec(registry::BasicAuth());
  facts.hosts = {"api.acme.test:8443"};
  facts.default_headers = {{"x-version", "2"}};
  facts.allow_private_network = true;
  facts.tls_ca_pem = "abc";
  facts.max_policy_mode = "write";
  facts.capabilities = {"acme/items"};
  facts.priority = 7;
  facts.path_prefix = "/proxy";
  auto row = custom_row();
  row.body = to_body(facts);
  row.scope = {vault::Scope::Kind::group, "w1", "g1"};
  row.enabled = false;
  const auto credential = parse_credential(row, nullptr);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(
      json::compact(to_json(*credential)),
      R"({"id":"acme","provider":"acme","workspaceId":"w1","groupId":"g1","auth":"basic","hosts":["api.acme.test:8443"],"capabilities":["acme/items"],"priority":7,"upstreamPathPrefix":"/proxy","secretRef":"vault:secret:0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44","defaultHeaders":[{"name":"x-version","value":"2"}],"maxPolicyMode":"write","allowPrivateNetwork":true,"tlsCaSha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","disabled":true})");
  EXPECT_EQ(credential->state, CredentialState::disabled);
  EXPECT_EQ(credential->policy.addresses, policy::AddressPolicy::allow_private);
}

// Of a registry credential the record says nothing but kind, bound hosts and params.
// Case 177.
TEST(Credential, TakesFactsOfRegistryProvidersFromTheRegistry) {
  const auto* provider = registry::find_provider("anthropic");
  ASSERT_NE(provider, nullptr);
  vault::CredentialRow row;
  row.id = row.provider = "anthropic";
  row.secret_id = SecretId(kSecret);
  row.origin = vault::Origin::registry;
  row.body = R"({"kind":"key","hosts":["evil.test"],"priority":999,"upstreamPathPrefix":"/evil",)"
             R"("allowPrivateNetwork":true,"defaultHeaders":[{"name":"x-evil","value":"1"}]})";
  const auto credential = parse_credential(row, provider);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_TRUE(credential->from_registry);
  EXPECT_TRUE(credential->derived);
  EXPECT_EQ(credential->kind, "key");
  EXPECT_EQ(credential->policy.hosts, std::vector<std::string>({"api.anthropic.com"}));
  EXPECT_EQ(credential->policy.auth,
            registry::AuthSpec(registry::HeaderAuth{"x-api-key", "{{secret}}"}));
  EXPECT_EQ(credential->policy.path_prefix, "");
  EXPECT_EQ(credential->policy.addresses, policy::AddressPolicy::public_only);
  EXPECT_FALSE(credential->policy.allow_any_port);
  ASSERT_EQ(credential->policy.default_headers.size(), 1U);
  EXPECT_EQ(credential->policy.default_headers.front().name, "anthropic-version");
}

vault::CredentialRow row_of(std::string provider, std::string kind, const Params& params) {
  auto row = custom_row();
  row.id = "mine";
  row.provider = std::move(provider);
  Facts facts;
  facts.kind = std::move(kind);
  row.body = to_body(facts);
  row.params = to_params_text(params);
  return row;
}

TEST(Credential, FillsInTheAddressesOfATenant) {
  const auto* auth0 = registry::find_provider("auth0");
  ASSERT_NE(auth0, nullptr);
  const auto credential = parse_credential(row_of("auth0", "app", {{"tenant", "acme.eu"}}), auth0);
  ASSERT_TRUE(credential) << credential.error().message;
  const auto& oauth = std::get<registry::OAuth2Auth>(credential->policy.auth);
  EXPECT_EQ(oauth.token_endpoint, "https://acme.eu.auth0.com/oauth/token");
  EXPECT_EQ(oauth.extra_params.front().second, "https://acme.eu.auth0.com/api/v2/");
  EXPECT_EQ(oauth.default_ttl_s, 86'400);
  EXPECT_EQ(credential->state, CredentialState::ready);
}

// What only one kind asks for, the others do not miss.
TEST(Credential, NeedsTheParamsOfItsOwnTokenRequests) {
  const auto* box = registry::find_provider("box");
  ASSERT_NE(box, nullptr);
  const auto app = parse_credential(row_of("box", "app", {}), box);
  ASSERT_TRUE(app) << app.error().message;
  EXPECT_EQ(app->state, CredentialState::needs_param);
  EXPECT_TRUE(app->state_detail.starts_with("needs param enterprise: ")) << app->state_detail;
  EXPECT_EQ(parse_credential(row_of("box", "oauth", {}), box)->state, CredentialState::ready);
  const auto bound = parse_credential(row_of("box", "app", {{"enterprise", "77"}}), box);
  EXPECT_EQ(bound->state, CredentialState::ready);
  const auto& oauth = std::get<registry::OAuth2Auth>(bound->policy.auth);
  EXPECT_EQ(oauth.extra_params.front(),
            (std::pair<std::string, std::string>("box_subject_id", "77")));
}

TEST(Credential, KnowsThePublicFieldsOfAComposite) {
  vault::CredentialRow row;
  row.id = row.provider = "twilio";
  row.secret_id = SecretId(kSecret);
  row.body = R"({"kind":"account"})";
  const auto credential = parse_credential(row, registry::find_provider("twilio"));
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->public_fields, std::vector<std::string>({"username"}));
  EXPECT_EQ(json::compact(registry::to_json(credential->policy.auth)),
            R"({"basic":{"username_template":"{{username}}","password_template":"{{password}}"}})");
}

TEST(Credential, RefusesRecordsItDoesNotFullyUnderstand) {
  for (const auto* body : {"[]",
                           "{}",
                           R"({"auth":"basic"})",
                           R"({"auth":"basic","hosts":"a.test"})",
                           R"({"auth":"basic","hosts":["a.test"],"surprise":1})",
                           R"({"auth":"basic","hosts":["a.test"],"allowPrivateNetwork":"yes"})",
                           R"({"auth":"basic","hosts":["a.test"],"priority":1.5})",
                           R"({"auth":{"carrier-pigeon":{}},"hosts":["a.test"]})"}) {
    auto row = custom_row();
    row.body = body;
    EXPECT_FALSE(parse_credential(row, nullptr)) << body;
  }
}

TEST(Facts, SurviveTheirStoredForm) {
  Facts facts;
  facts.kind = "key";
  facts.hosts = {"a.test"};
  facts.misfit = Facts::Misfit{3, "secret must be utf-8"};
  const auto again = parse_facts(to_body(facts));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->kind, "key");
  EXPECT_EQ(again->hosts, facts.hosts);
  EXPECT_EQ(again->misfit, facts.misfit);
  EXPECT_FALSE(again->auth);
}

}  // namespace
}  // namespace aivault::catalog
