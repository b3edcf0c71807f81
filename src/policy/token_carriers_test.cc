#include "policy/token_carriers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/encoding.h"

namespace aivault::policy {
namespace {

const std::string kToken = "avp_" + std::string(43, 'a');
const std::string kOther = "avp_" + std::string(43, 'b');

struct Shown {
  std::string outcome;  // "token", "none" or the reason of the error.
  http::Headers headers;
  std::string target;
};

Shown shown(http::Headers headers,
            std::string target = "/v1",
            const std::vector<registry::AuthSpec>& auths = {}) {
  std::vector<const registry::AuthSpec*> pointers;
  for (const auto& auth : auths) pointers.push_back(&auth);
  const auto token = take_native_token(headers, target, pointers);
  Shown result{"none", headers, target};
  if (!token) result.outcome = token.error().reason;
  if (token && *token) result.outcome = **token == Secret::copy_of(kToken) ? "token" : "another";
  return result;
}

// Case 212.
TEST(TokenCarriers, AreWhereClientsPutTheirKey) {
  const auto basic = [](const std::string& pair) { return "Basic " + base64(bytes_of(pair)); };
  const std::vector<http::Header> carriers{
      {"x-aivault-token", kToken},
      {"authorization", "Bearer " + kToken},
      {"authorization", "bearer  " + kToken},
      {"authorization", "token " + kToken},
      {"authorization", kToken},
      {"authorization", basic(kToken + ":")},
      {"authorization", basic("AC123:" + kToken)},
      {"x-api-key", kToken},
      {"xi-api-key", kToken},
      {"api-key", kToken},
      {"x-goog-api-key", kToken},
  };
  for (const auto& carrier : carriers) {
    const auto result = shown({{"x-other", "1"}, carrier});
    EXPECT_EQ(result.outcome, "token") << carrier.name << ": " << carrier.value;
    ASSERT_EQ(result.headers.size(), 1U) << carrier.name;
    EXPECT_EQ(result.headers.front().name, "x-other");
  }
}

// Case 212.
TEST(TokenCarriers, AreTheSlotsOfTheCredential) {
  const std::vector<registry::AuthSpec> header{registry::HeaderAuth{"x-thing", "{{secret}}"}};
  EXPECT_EQ(shown({{"x-thing", kToken}}).outcome, "none");
  EXPECT_EQ(shown({{"x-thing", kToken}}, "/v1", header).outcome, "token");

  const std::vector<registry::AuthSpec> query{registry::QueryAuth{"key"}};
  const auto in_query = shown({}, "/v1?a=1&key=" + kToken + "&b=2", query);
  EXPECT_EQ(in_query.outcome, "token");
  EXPECT_EQ(in_query.target, "/v1?a=1&b=2");
  EXPECT_EQ(shown({}, "/v1?key=" + kToken, query).target, "/v1");
  EXPECT_EQ(shown({}, "/v1?key=" + kToken).outcome, "none");
  EXPECT_EQ(shown({}, "/v1?other=" + kToken, query).outcome, "none");

  const std::vector<registry::AuthSpec> path{registry::PathAuth{"/bot{{secret}}"}};
  const auto in_path = shown({}, "/bot" + kToken + "/sendMessage?x=1", path);
  EXPECT_EQ(in_path.outcome, "token");
  EXPECT_EQ(in_path.target, "/sendMessage?x=1");
  EXPECT_EQ(shown({}, "/bot" + kToken + "x/sendMessage", path).outcome, "none");

  const auto protocol = shown({{"sec-websocket-protocol", "realtime, key." + kToken}});
  EXPECT_EQ(protocol.outcome, "token");
  EXPECT_EQ(protocol.headers.front().value, "realtime");
}

// Cases 40, 213.
TEST(TokenCarriers, HoldOneTokenAndLeaveOtherKeysToBeRefused) {
  EXPECT_EQ(shown({{"x-api-key", kToken}, {"authorization", "Bearer " + kToken}}).outcome, "token");
  EXPECT_EQ(shown({{"x-api-key", kToken}, {"authorization", "Bearer " + kOther}}).outcome,
            "token_conflict");
  for (const auto* value : {"Bearer sk-other", "Basic dTpw", "avp_short", "Basic %%%"}) {
    const auto result = shown({{"authorization", value}});
    EXPECT_EQ(result.outcome, "none") << value;
    EXPECT_EQ(result.headers.size(), 1U) << value;
  }
  EXPECT_EQ(shown({{"x-aivault-token", "nonsense"}}).outcome, "another");
}

}  // namespace
}  // namespace aivault::policy
