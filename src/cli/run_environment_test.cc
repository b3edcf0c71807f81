#include "cli/run_environment.h"

#include <gtest/gtest.h>

#include <string>

#include "json/parse.h"

namespace aivault::cli {
namespace {

constexpr std::string_view kEndpoints = R"({"items":[
  {"base":"/v/openai","credential":"openai","provider":"openai",
   "sdk":[{"baseUrl":"OPENAI_BASE_URL","suffix":"/v1","token":"OPENAI_API_KEY"}]},
  {"base":"/v/gh%3Aa","credential":"gh:a","provider":"github",
   "sdk":[{"baseUrl":"GITHUB_API_URL","suffix":"","token":"GITHUB_TOKEN"}]},
  {"base":"/v/gh%3Ab","credential":"gh:b","provider":"github",
   "sdk":[{"baseUrl":"GITHUB_API_URL","suffix":"","token":"GITHUB_TOKEN"}]}],
  "next":null,"secretNames":["GITHUB_TOKEN","OPENAI_API_KEY","STRIPE_SECRET_KEY"]})";

std::map<std::string, std::string> made(std::map<std::string, std::string> ours,
                                        std::vector<std::string> credentials = {}) {
  const RunPlace place{"http://127.0.0.1:7", "avp_t", std::move(credentials), "MY_KEY"};
  std::map<std::string, std::string> result;
  for (const auto& text : run_environment(std::move(ours), *json::parse(kEndpoints), place)) {
    const auto equals = text.find('=');
    result[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return result;
}

TEST(RunEnvironment, PointsClientsAtTheVaultAndTakesSecretsAway) {
  const auto all = made({{"PATH", "/bin"},
                         {"OPENAI_API_KEY", "sk-real"},
                         {"STRIPE_SECRET_KEY", "sk-live"},
                         {"GITHUB_TOKEN", "ghp"},
                         {"MY_KEY", "k"},
                         {"AIVAULT_KEY", "k"},
                         {"CREDENTIALS_DIRECTORY", "/c"}});
  EXPECT_EQ(
      all,
      (std::map<std::string, std::string>{{"PATH", "/bin"},
                                          {"AIVAULT_BASE_URL", "http://127.0.0.1:7"},
                                          {"AIVAULT_TOKEN", "avp_t"},
                                          {"OPENAI_BASE_URL", "http://127.0.0.1:7/v/openai/v1"},
                                          {"OPENAI_API_KEY", "avp_t"}}));
}

TEST(RunEnvironment, PrefersTheNamedCredential) {
  const auto all = made({}, {"gh:b"});
  EXPECT_EQ(all.at("GITHUB_API_URL"), "http://127.0.0.1:7/v/gh%3Ab");
  EXPECT_EQ(all.at("GITHUB_TOKEN"), "avp_t");
  EXPECT_FALSE(made({}).contains("GITHUB_API_URL"));
}

TEST(RunEnvironment, KeepsProxiesOutOfTheWay) {
  EXPECT_EQ(made({{"HTTPS_PROXY", "http://p"}, {"NO_PROXY", "x"}}).at("NO_PROXY"), "x,127.0.0.1");
  EXPECT_FALSE(made({}).contains("NO_PROXY"));
}

}  // namespace
}  // namespace aivault::cli
