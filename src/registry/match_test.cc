// Decisions about one call of one capability.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "registry/registry.h"

namespace aivault::registry {
namespace {

using Words = std::vector<TextView>;

// Owns what a Capability points to: { GET POST DELETE /v1/things, WS /live }.
struct Sample {
  Words methods = {"GET", "POST", "DELETE"}, paths = {"/v1/things", "/v1/stuff/{id}$"};
  Words live_methods = {"WS"}, live_paths = {"/live$"};
  Words except = {"/v1/things/{id}/hooks"}, never = {"/v1/things/keys"};
  std::vector<Rule> allow = {{methods, paths}, {live_methods, live_paths}};
  std::vector<ClassRule> classes;
  Capability capability() const {
    Capability made;
    made.id = "acme/things";
    made.allow = allow;
    made.except = except;
    made.never = never;
    made.classes = classes;
    return made;
  }
};

TEST(Allows, JoinsMethodAndPathOfOneRule) {
  const Sample sample;
  const auto capability = sample.capability();
  EXPECT_TRUE(allows(capability, "GET", "/v1/things/7"));
  EXPECT_TRUE(allows(capability, "get", "/v1/stuff/7"));
  EXPECT_TRUE(allows(capability, "WS", "/live"));
  EXPECT_FALSE(allows(capability, "PUT", "/v1/things/7"));
  EXPECT_FALSE(allows(capability, "GET", "/live"));
  EXPECT_FALSE(allows(capability, "WS", "/v1/things"));
  EXPECT_FALSE(allows(capability, "GET", "/v1/stuff"));
  EXPECT_TRUE(allows_method(capability, "WS"));
  EXPECT_FALSE(allows_method(capability, "PUT"));
}

TEST(Allows, UpgradesAGetOnlyWhereWebsocketSaysSo) {
  const Sample sample;
  auto capability = sample.capability();
  capability.websocket = true;
  EXPECT_TRUE(allows(capability, "WS", "/v1/things"));
}

TEST(Allows, TakesOperatorDefinedPathsAsPrefixes) {
  const Words methods = {"GET"};
  const Words paths = {"/api/chat."};
  const std::array rules = {Rule{methods, paths}};
  Capability capability;
  capability.form = PathForm::prefix;
  capability.allow = rules;
  EXPECT_TRUE(allows(capability, "GET", "/api/chat.post"));
  EXPECT_FALSE(allows(capability, "GET", "/api/chats"));
  EXPECT_EQ(default_path_of(capability), "/api/chat.");
}

TEST(IsExcluded, ComparesExceptAndNeverWidely) {
  const Sample sample;
  const auto capability = sample.capability();
  for (const auto* path : {"/v1/things/7/hooks",
                           "/v1/things/7/Hooks/8",
                           "/v1/things/7%2fhooks",
                           "/v1/things/keys",
                           "/v1/things//KEYS;x",
                           "/v1/things/%6beys"}) {
    EXPECT_TRUE(is_excluded(capability, path)) << path;
  }
  EXPECT_FALSE(is_excluded(capability, "/v1/things/7"));
  EXPECT_FALSE(is_excluded(capability, "/v1/things/keyset"));
}

TEST(ClassOf, FollowsTheMethodWithoutARule) {
  const Sample sample;
  const auto capability = sample.capability();
  for (const auto* method : {"GET", "HEAD", "QUERY", "get"}) {
    EXPECT_EQ(class_of(capability, method, "/v1/things"), CallClass::read) << method;
  }
  for (const auto* method : {"POST", "PUT", "PATCH", "WS"}) {
    EXPECT_EQ(class_of(capability, method, "/v1/things"), CallClass::write) << method;
  }
  EXPECT_EQ(class_of(capability, "DELETE", "/v1/things"), CallClass::destructive);
}

TEST(ClassOf, RaisesForEverySpelling) {
  Sample sample;
  const Words post = {"POST"};
  const Words cancel = {"/v1/things/{id}/cancel$"};
  sample.classes = {{CallClass::destructive, post, cancel}};
  const auto capability = sample.capability();
  for (const auto* path : {"/v1/things/7/cancel",
                           "/v1/things/7/cancel/",
                           "/v1/things/7/CANCEL",
                           "/v1/things/7/cancel;x=1",
                           "/v1/things/7//cancel",
                           "/v1/things/7%2Fcancel",
                           "/v1/things/7/c%61ncel",
                           "/v1/things/7/%2563ancel"}) {
    EXPECT_EQ(class_of(capability, "POST", path), CallClass::destructive) << path;
  }
  EXPECT_EQ(class_of(capability, "POST", "/v1/things/7/cancel/x"), CallClass::write);
  EXPECT_EQ(class_of(capability, "GET", "/v1/things/7/cancel"), CallClass::read);
}

TEST(ClassOf, LowersForTheExactSpellingOnly) {
  Sample sample;
  const Words post = {"POST"};
  const Words search = {"/v1/things/{id}/search$"};
  sample.classes = {{CallClass::read, post, search}};
  const auto capability = sample.capability();
  EXPECT_EQ(class_of(capability, "POST", "/v1/things/7/search"), CallClass::read);
  for (const auto* path : {"/v1/things/7/Search",
                           "/v1/things/7/search;x",
                           "/v1/things/7/s%65arch",
                           "/v1/things/7%2F8/search",
                           "/v1/things/7/search/x",
                           "/v1/things//search"}) {
    EXPECT_EQ(class_of(capability, "POST", path), CallClass::write) << path;
  }
}

TEST(ClassOf, ReadsTheQueryWidelyToRaiseAndExactlyToLower) {
  Sample sample;
  const Words get = {"GET"};
  const Words post = {"POST"};
  const Words apply = {"/v1/things?apply=true"};
  const Words dry = {"/v1/things?dry=true"};
  sample.classes = {{CallClass::destructive, get, apply}, {CallClass::read, post, dry}};
  const auto capability = sample.capability();
  for (const auto* query : {"apply=true",
                            "x=1&apply=true",
                            "APPLY=True",
                            "a%70ply=true",
                            "apply=false&apply=true",
                            "x=1;apply=true"}) {
    EXPECT_EQ(class_of(capability, "GET", "/v1/things", query), CallClass::destructive) << query;
  }
  EXPECT_EQ(class_of(capability, "GET", "/v1/things", "apply=false"), CallClass::read);
  EXPECT_EQ(class_of(capability, "POST", "/v1/things", "dry=true"), CallClass::read);
  for (const auto* query :
       {"", "dry=TRUE", "d%72y=true", "dry=true&dry=false", "dry=true;dry=false"}) {
    EXPECT_EQ(class_of(capability, "POST", "/v1/things", query), CallClass::write) << query;
  }
}

TEST(ClassOf, TakesTheFirstRuleThatMatches) {
  Sample sample;
  const Words get = {"GET"};
  const Words list = {"/v1/things/list$"};
  const Words all = {"/v1/things"};
  sample.classes = {{CallClass::read, {}, list}, {CallClass::write, get, all}};
  const auto capability = sample.capability();
  EXPECT_EQ(class_of(capability, "GET", "/v1/things/list"), CallClass::read);
  EXPECT_EQ(class_of(capability, "GET", "/v1/things/add"), CallClass::write);
  EXPECT_EQ(class_of(capability, "GET", "/v1/things/LIST"), CallClass::write);
}

TEST(ClassOf, IsDestructiveForAnUnreadGraphqlBody) {
  const Sample sample;
  auto capability = sample.capability();
  capability.graphql = true;
  EXPECT_EQ(class_of(capability, "POST", "/v1/things"), CallClass::destructive);
  EXPECT_EQ(class_of(capability, "GET", "/v1/things"), CallClass::read);
}

TEST(Describe, ListsMethodsBeginningsAndPatterns) {
  const Sample sample;
  const auto capability = sample.capability();
  EXPECT_EQ(methods_of(capability), (std::vector<std::string_view>{"GET", "POST", "DELETE"}));
  EXPECT_EQ(prefixes_of(capability),
            (std::vector<std::string>{"/v1/things", "/v1/stuff/", "/live"}));
  EXPECT_EQ(patterns_of(capability),
            (std::vector<std::string_view>{"/v1/things", "/v1/stuff/{id}$", "/live$"}));
  EXPECT_EQ(default_path_of(capability), "");
}

}  // namespace
}  // namespace aivault::registry
