// What an auth kind may be: token endpoints, several secrets, some methods or hosts only.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "registry/check.h"
#include "registry/judged_file_test.h"
#include "registry/own_provider.h"

namespace aivault::registry {
namespace {

TEST(Check, TakesKindsWithTokensAndSeveralSecrets) {
  const std::string text = replaced(
      R"json("priority": 60, "secrets": { "ACME_KEY": "secret" },
      "config": { "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } } },)json",
      R"json("priority": 60, "secrets": { "ACME_OAUTH": "oauth" },
      "config": { "o_auth2": { "endpoint": "main", "client_auth": "body", "scopes": ["a"] } } },
    { "name": "aws", "priority": 55, "secrets": { "ACME_ID": "access_key_id", "ACME_SECRET": "secret_access_key" },
      "optional_secrets": { "ACME_SESSION": "session_token" }, "config": { "aws_sig_v4": { "service": "s3" } } },
    { "name": "pair", "priority": 54, "secrets": { "ACME_APP": "app", "ACME_PIN": "pin" },
      "config": { "multi_header": [ { "header_name": "x-app", "value_template": "{{app}}" },
                                    { "header_name": "x-pin", "value_template": "{{pin}}" } ] } },)json");
  const std::string whole = [&] {
    std::string made = text;
    const std::string_view together = R"json("together": ["api", "files"],)json";
    made.replace(
        made.find(together),
        together.size(),
        R"json("token_endpoints": { "main": { "token": "https://{sub}.acme.example/v1/tokens/new",
    "extra": { "audience": "acme" } } },)json");
    return made;
  }();
  EXPECT_EQ(problems_of(whole), std::vector<std::string>());
  Problems problems;
  auto file = parse_file("acme.json", whole, problems);
  ASSERT_TRUE(file.has_value());
  check_file(*file, problems);
  const auto& oauth = std::get<OAuth2Auth>(file->kinds.front().spec.value());
  EXPECT_EQ(oauth.token_endpoint, "https://{sub}.acme.example/v1/tokens/new");
  EXPECT_EQ(oauth.extra_params.front().second, "acme");
  std::string open = whole;
  open.replace(open.find("/v1/tokens/new"), 14, "/v1/login");
  EXPECT_EQ(
      problems_of(open),
      (std::vector<std::string>{"acme.json:10:43: error TOKEN-3: the path of a token endpoint "
                                "on an API host must be under 'never': '/v1/login'"}));
}

TEST(Check, KindsMayServeSomeMethodsOrSlotsOnly) {
  const auto with = [](std::string_view key, std::string_view login) {
    auto text =
        replaced(R"json("priority": 60, )json", R"json("priority": 60, )json" + std::string(key));
    const std::string_view mark = R"json("priority": 50, )json";
    return text.replace(
        text.find(mark), mark.size(), R"json("priority": 60, )json" + std::string(login));
  };
  const std::string both =
      "acme.json:14:5: error AUTH-9: auth kinds 'key' and 'login' serve the same call with the "
      "same priority";
  const struct {
    std::string key, login;
    std::vector<std::string> lines;
  } rows[] = {
      {R"("methods": ["GET"], )", R"("methods": ["POST", "DELETE"], )", {}},
      {R"("methods": ["GET", "POST"], )", R"("methods": ["POST", "DELETE"], )", {both}},
      {R"("hosts": ["api"], )", R"("hosts": ["files"], )", {}},
      {R"("hosts": ["api"], )", R"("hosts": ["api", "files"], )", {both}},
      {"", R"("methods": ["get"], )", {"acme.json:14:52: error FILE-3: unknown method 'get'"}},
      {"",
       R"("methods": ["POST", "GET"], "hosts": ["files"], )",
       {"acme.json:14:60: error FILE-7: methods must be in the order GET HEAD QUERY POST PUT PATCH "
        "DELETE WS"}},
      {"",
       R"("hosts": ["nowhere"], )",
       {"acme.json:14:50: error AUTH-10: unknown slot 'nowhere' of an auth kind"}},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(problems_of(with(row.key, row.login)), row.lines) << row.key << row.login;
  }
  const auto nobody = problems_of(with(R"("hosts": ["files"], )", R"("methods": ["POST"], )"));
  EXPECT_NE(std::ranges::find(nobody,
                              "acme.json:31:5: error AUTH-10: capability 'acme/live' is served by "
                              "no auth kind"),
            nobody.end())
      << ::testing::PrintToString(nobody);
}

// What only some slots take, the capabilities of the others do not have.
TEST(Check, AKindOfOneSlotServesItsCapabilitiesAlone) {
  Problems problems;
  auto file = parse_file(
      "acme.json",
      replaced(R"json("priority": 50, )json", R"json("priority": 50, "hosts": ["files"], )json"),
      problems);
  ASSERT_TRUE(file.has_value());
  check_file(*file, problems);
  EXPECT_EQ(problems.lines(), std::vector<std::string>());
  const OwnProvider own(*std::move(file));
  for (const auto& capability : own.definition().capabilities) {
    const bool has_login = std::ranges::find(capability.kinds, "login") != capability.kinds.end();
    EXPECT_FALSE(has_login) << capability.id.view();
    EXPECT_FALSE(capability.kinds.empty()) << capability.id.view();
  }
}

// Fields of a request that several secrets fill, each under its placeholder.
TEST(Check, TakesSeveralSecretsForAnExchangeOfJson) {
  auto text = replaced(
      R"json("config": { "basic": { "username_template": "{{user}}", "password_template": "{{password}}" } })json",
      R"json("config": { "o_auth2": { "grant_type": "json_exchange", "endpoint": "main" } })json");
  const std::string_view together = R"json("together": ["api", "files"],)json";
  text.replace(text.find(together),
               together.size(),
               R"json("token_endpoints": { "main": { "token": "https://login.acme.example/token",
    "extra": { "site": "{sub}", "other": "{nobody}" }, "default_ttl_s": 600 } },)json");
  EXPECT_EQ(
      problems_of(text),
      (std::vector<std::string>{"acme.json:11:42: error HOST-3: param 'nobody' is not declared"}));
  Problems problems;
  auto file = parse_file("acme.json", text, problems);
  ASSERT_TRUE(file.has_value());
  check_file(*file, problems);
  const auto& oauth = std::get<OAuth2Auth>(file->kinds[1].spec.value());
  EXPECT_EQ(oauth.default_ttl_s, 600);
  const OwnProvider own(*std::move(file));
  EXPECT_NE(own.definition().kinds[1].config.view().find(R"("default_ttl_s":600)"),
            std::string_view::npos);
}

}  // namespace
}  // namespace aivault::registry
