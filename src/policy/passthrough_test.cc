#include "policy/passthrough.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "registry/registry.h"

namespace aivault::policy {
namespace {

using registry::Capability;
using registry::PathForm;
using registry::Rule;

// A capability that owns its tables.
class Made {
 public:
  Made(std::string_view id,
       std::vector<registry::TextView> methods,
       std::vector<registry::TextView> paths,
       PathForm form = PathForm::pattern)
      : methods_(std::move(methods)), paths_(std::move(paths)) {
    rules_.front() = Rule{methods_, paths_};
    capability.id = id;
    capability.form = form;
    capability.allow = rules_;
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;

  Capability capability;

 private:
  std::vector<registry::TextView> methods_, paths_;
  std::array<Rule, 1> rules_;
};

std::string ids(const std::vector<const Capability*>& capabilities) {
  std::string text;
  for (const auto* capability : capabilities) {
    if (!text.empty()) text += ' ';
    text += capability->id;
  }
  return text;
}

// Case 209.
TEST(MatchingCapabilities, PutsTheMostSpecificFirst) {
  Made root("z/root", {"GET", "POST"}, {"/"}, PathForm::prefix);
  Made wide("z/wide", {"GET"}, {"/v1"});
  Made any("z/any", {"GET"}, {"/v1/{thing}/parts"});
  Made literal("z/literal", {"GET"}, {"/v1/big/parts"});
  Made same_b("z/b", {"GET"}, {"/v1/same"}), same_a("z/a", {"GET"}, {"/v1/same"});
  Made beginning("z/beginning", {"GET"}, {"/v1/sam*"});
  const std::vector<const Capability*> offered{&root.capability,
                                               &wide.capability,
                                               &any.capability,
                                               &literal.capability,
                                               &same_b.capability,
                                               &same_a.capability,
                                               &beginning.capability};
  struct Case {
    const char *method, *path, *expected;
  };
  const std::vector<Case> cases{
      {"GET", "/v1/big/parts", "z/literal z/any z/wide z/root"},
      {"GET", "/v1/small/parts/7", "z/any z/wide z/root"},
      {"GET", "/v1/same", "z/a z/b z/beginning z/wide z/root"},
      {"get", "/v1", "z/wide z/root"},
      {"POST", "/v1/same", "z/root"},
      {"DELETE", "/v1/same", ""},
      {"GET", "/v1%2Fsame", "z/root"},
  };
  for (const auto& [method, path, expected] : cases) {
    EXPECT_EQ(ids(matching_capabilities(offered, method, path)), expected) << method << ' ' << path;
  }
}

TEST(MatchingCapabilities, SkipsWhatIsCutOut) {
  Made wide("z/wide", {"GET"}, {"/v1"});
  constexpr std::array<registry::TextView, 1> kKeys = {"/v1/keys"};
  wide.capability.except = kKeys;
  const std::vector<const Capability*> offered{&wide.capability};
  EXPECT_EQ(ids(matching_capabilities(offered, "GET", "/v1/things")), "z/wide");
  for (const auto* path : {"/v1/keys", "/v1/keys/1", "/v1/KEYS", "/v1/%6beys"}) {
    EXPECT_EQ(ids(matching_capabilities(offered, "GET", path)), "") << path;
  }
}

TEST(MatchingCapabilities, KnowsUpgradesOnlyByTheirName) {
  Made socket("z/socket", {"WS"}, {"/v1/realtime"});
  Made both("z/both", {"GET"}, {"/v1/realtime"});
  both.capability.websocket = true;
  const std::vector<const Capability*> offered{&socket.capability, &both.capability};
  EXPECT_EQ(ids(matching_capabilities(offered, "WS", "/v1/realtime")), "z/both z/socket");
  EXPECT_EQ(ids(matching_capabilities(offered, "GET", "/v1/realtime")), "z/both");
}

// Case 142.
TEST(WithoutManagedParameters, LeavesOnlyWhatTheCallerMaySay) {
  CredentialPolicy credential;
  credential.auth = registry::QueryAuth{"api_key"};
  credential.managed_parameters = {"token"};
  struct Case {
    const char *given, *expected;
  };
  const std::vector<Case> cases{
      {"/v1?a=1&api_key=x&b=2", "/v1?a=1&b=2"},
      {"/v1?api_key=x", "/v1"},
      {"/v1?API%5FKEY=x&t=%20", "/v1?t=%20"},
      {"/v1?token=1&my_token=2", "/v1?my_token=2"},
      {"/v1?a;api_key=x&q=two words", "/v1?q=two%20words"},
      {"/v1", "/v1"},
  };
  for (const auto& [given, expected] : cases) {
    const auto kept = without_managed_parameters(given, credential);
    ASSERT_TRUE(kept) << given;
    EXPECT_EQ(*kept, expected);
  }
  EXPECT_FALSE(without_managed_parameters("/v1/../x", credential));
}

// Case 133.
TEST(JoinRepeats, JoinsListsAndLeavesSingleFieldsRepeated) {
  const auto joined = join_repeats({{"a", "1"},
                                    {"content-type", "x"},
                                    {"A ", "2"},
                                    {"content-type", "y"},
                                    {"if-match", "p"},
                                    {"if-match", "q"},
                                    {"a", "3"}});
  ASSERT_EQ(joined.size(), 5U);
  EXPECT_EQ(joined.front().value, "1, 2, 3");
  EXPECT_EQ(joined[2].value, "y");
  EXPECT_EQ(joined[4].value, "q");
}

}  // namespace
}  // namespace aivault::policy
