#include "auth/material.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/reveal.h"
#include "json/parse.h"

namespace aivault::auth {
namespace {

using Strings = std::set<std::string>;

Strings set_of(const registry::AuthSpec& auth,
               std::string_view secret,
               const std::vector<std::string>& public_fields = {}) {
  const auto values = secret_set(auth, Secret::copy_of(secret), public_fields);
  if (!values) return {"error: " + values.error().message};
  Strings texts;
  for (const auto& value : *values) texts.emplace(value.text(Reveal()));
  return texts;
}

TEST(Material, SecretSetOfOneStringIsThatString) {
  for (const registry::AuthSpec& auth : std::vector<registry::AuthSpec>{
           registry::HeaderAuth{}, registry::PathAuth{}, registry::QueryAuth{}}) {
    EXPECT_EQ(set_of(auth, "sk-test-0001"), (Strings{"sk-test-0001"}));
  }
}

TEST(Material, SecretSetOfBasicIsThePasswordAndThePair) {
  const registry::BasicAuth plain;
  EXPECT_EQ(set_of(plain, "user:password"), (Strings{"password", "user:password"}));
  EXPECT_EQ(set_of(plain, R"({"username":"user","password":"password"})"),
            (Strings{"password", "user:password"}));
  // A key in the user name, with no password or a token one.
  EXPECT_EQ(set_of(plain, "sk_live_0001:"), (Strings{"sk_live_0001", "", "sk_live_0001:"}));
  EXPECT_EQ(set_of(plain, "sk_live_0001:x"), (Strings{"sk_live_0001", "x", "sk_live_0001:x"}));
}

TEST(Material, SecretSetLeavesOutPublicFields) {
  const registry::BasicAuth twilio{"{{account_sid}}", "{{auth_token}}", true};
  const std::string secret = R"({"account_sid":"AC000001","auth_token":"token-01","region":"ie1"})";
  EXPECT_EQ(set_of(twilio, secret, {"account_sid"}), (Strings{"token-01", "AC000001:token-01"}));
  EXPECT_EQ(set_of(twilio, secret), (Strings{"AC000001", "token-01", "AC000001:token-01"}));
  const registry::BasicAuth zendesk{"{{email}}/token", "{{api_token}}", true};
  EXPECT_EQ(set_of(zendesk, R"({"email":"me@x.test","api_token":"token-01"})"),
            (Strings{"token-01", "me@x.test/token:token-01"}));
  const registry::BasicAuth mailgun{"api", "{{secret}}", true};
  EXPECT_EQ(set_of(mailgun, "key-0001"), (Strings{"key-0001", "api:key-0001"}));
}

TEST(Material, SecretSetFailsWithTheMaterial) {
  EXPECT_EQ(set_of(registry::BasicAuth{}, "abc"),
            (Strings{"error: basic secret must be JSON with username/password"}));
  EXPECT_EQ(set_of(registry::HeaderAuth{}, ""),
            (Strings{"error: missing string secret for header auth"}));
}

TEST(Material, CheckSaysWhatSignWouldSay) {
  const auto message = [](const registry::AuthSpec& auth, std::string_view secret) {
    const auto result = check_material(auth, Secret::copy_of(secret));
    return result ? std::string("ok") : result.error().message;
  };
  EXPECT_EQ(message(registry::HeaderAuth{}, "sk-test-0001"), "ok");
  EXPECT_EQ(message(registry::HeaderAuth{}, "sk\n"), "secret cannot be sent in a header");
  EXPECT_EQ(message(registry::PathAuth{}, "a/b"), "path auth secret contains invalid characters");
  EXPECT_EQ(message(registry::BasicAuth{}, "abc"),
            "basic secret must be JSON with username/password");
  EXPECT_EQ(message(registry::QueryAuth{}, "a\nb"), "ok");
}

TEST(Material, ComposesAJsonObjectThatReadsBack) {
  const auto sid = Secret::copy_of("AC\"\\\n\x01é/");
  const auto token = Secret::copy_of("");
  const std::vector<NamedSecret> members = {{"account_sid", &sid}, {"auth\"token", &token}};
  const auto composed = compose(members);
  ASSERT_TRUE(composed);
  const auto text = composed->text(Reveal());
  EXPECT_EQ(text, "{\"account_sid\":\"AC\\\"\\\\\\u000a\\u0001é/\",\"auth\\\"token\":\"\"}");
  const auto parsed = json::parse(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->find("account_sid")->text(), "AC\"\\\n\x01é/");
  const auto bad = Secret::copy_of("\xFF");
  EXPECT_EQ(compose(std::vector<NamedSecret>{{"a", &bad}}).error().message, "secret must be utf-8");
  EXPECT_EQ(compose({})->text(Reveal()), "{}");
}

}  // namespace
}  // namespace aivault::auth
