#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "admin/desk_fixture.h"
#include "admin/mint.h"
#include "catalog/authority.h"
#include "json/parse.h"

namespace aivault::admin {
namespace {

using Texts = std::vector<std::string>;

class Agents : public DeskFixture {
 protected:
  Result<Answer> mint(std::string_view body,
                      Result<Answer> (*handler)(Desk&, const Request&) = mint_token) {
    Request request;
    request.actor = actor_;
    body_ = json::parse(body).value();
    request.body = &body_;
    return handler(desk_, request);
  }
  std::string minted(std::string_view body,
                     Result<Answer> (*handler)(Desk&, const Request&) = mint_token) {
    const auto answer = mint(body, handler);
    if (!answer) return answer.error().reason;
    EXPECT_NE(answer->token, nullptr);
    return "minted";
  }
  json::Value body_;
};

TEST_F(Agents, AreMadeShownChangedAndRemoved) {
  EXPECT_EQ(ok("GET", "/aivault/agents"), R"({"items":[],"next":null})");
  EXPECT_EQ(ok("GET", "/aivault/access"), R"({"defaultAccess":"open"})");
  const std::string made =
      R"({"name":"ci","user":"root","uid":0,"workspaceId":"w","groupId":null,)"
      R"("capabilities":["openai/*"],"readOnly":true,"rateLimitPerMinute":5,"createdAtMs":T,)"
      R"("updatedAtMs":T,"expiresAtMs":T,"tokens":[],"groups":["g"]})";
  EXPECT_EQ(ok("POST",
               "/aivault/agents",
               R"({"name":"ci","user":"root","workspaceId":"w","groups":["g"],"readOnly":true,)"
               R"("capabilities":["openai/*","openai/*"],"rateLimitPerMinute":5,"expiresAtMs":1})"),
            made);
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_TRUE(notices().front().starts_with("Default access is now closed"));
  EXPECT_EQ(ok("GET", "/aivault/access"), R"({"defaultAccess":"closed"})");
  EXPECT_EQ(ok("GET", "/aivault/agents/ci"), made);
  EXPECT_EQ(ok("PATCH",
               "/aivault/agents/ci",
               R"({"addCapabilities":["a/b"],"removeCapabilities":["openai/*"],"readOnly":null,)"
               R"("rateLimitPerMinute":null,"expiresAtMs":null})"),
            R"({"name":"ci","user":"root","uid":0,"workspaceId":"w","groupId":null,)"
            R"("capabilities":["a/b"],"readOnly":false,"rateLimitPerMinute":null,"createdAtMs":T,)"
            R"("updatedAtMs":T,"expiresAtMs":null,"tokens":[],"groups":["g"]})");
  EXPECT_EQ(ok("DELETE", "/aivault/agents/ci"), R"({"name":"ci","removed":true})");
  ASSERT_EQ(notices().size(), 1U);
  EXPECT_TRUE(notices().front().starts_with("Default access is closed"));
  EXPECT_EQ(ok("DELETE", "/aivault/agents/ci"), R"({"name":"ci","removed":false})");
  EXPECT_EQ(
      audit_kinds(),
      Texts(
          {"vault.init", "agent.create", "agent.default_access", "agent.update", "agent.delete"}));
}

TEST_F(Agents, CloseTheVaultOnceAndNotAgainstTheOperatorsWord) {
  ok("POST", "/aivault/agents", R"({"name":"one"})");
  EXPECT_EQ(ok("PUT", "/aivault/access", R"({"defaultAccess":"open"})"),
            R"({"defaultAccess":"open"})");
  EXPECT_EQ(notices().size(), 1U) << "open beside agents is worth a warning";
  ok("POST", "/aivault/agents", R"({"name":"two"})");
  EXPECT_EQ(ok("GET", "/aivault/access"), R"({"defaultAccess":"open"})");
}

TEST_F(Agents, AreRefusedWithTheReason) {
  ok("POST", "/aivault/agents", R"({"name":"ci","user":"root"})");
  const std::pair<const char*, const char*> rows[] = {
      {R"({})", "agent name '' must have"},
      {R"({"name":"a/b"})", "agent name 'a/b' must have"},
      {R"({"name":"ci"})", "agent 'ci' already exists"},
      {R"({"name":"x","user":"no-such-user"})", "user 'no-such-user' does not exist"},
      {R"({"name":"x","user":"root"})", "user 'root' already has agent 'ci'"},
      {R"({"name":"x","capabilities":["a*b"]})", "must be a capability id"},
      {R"({"name":"x","groupId":"g"})", "--workspace-id is required"},
      {R"({"name":"x","groups":["g"]})", "--workspace-id is required"},
      {R"({"name":"x","credentials":["none"]})", "credential not found"},
      {R"({"name":"x","rateLimitPerMinute":-1})", "must be 0 to"},
      {R"({"name":"x","mood":"good"})", "unknown key 'mood'"},
  };
  for (const auto& [body, expected] : rows) {
    EXPECT_NE(refusal("POST", "/aivault/agents", body).find(expected), std::string::npos) << body;
  }
  EXPECT_EQ(refusal("PATCH", "/aivault/agents/no", "{}"), "agent 'no' not found");
  EXPECT_EQ(refusal("PATCH", "/aivault/agents/ci", R"({"revokeTokens":["t"]})"),
            "token 't' not found");
  EXPECT_EQ(refusal("PUT", "/aivault/access", R"({"defaultAccess":"ajar"})"),
            "'defaultAccess' must be open or closed");
}

TEST_F(Agents, WhoseRowWasAlteredAreDeletedWithoutBeingTrusted) {
  ok("POST", "/aivault/agents", R"({"name":"ci","user":"root","capabilities":["openai/*"]})");
  tamper(R"("openai/*")", R"("github/*")");
  EXPECT_TRUE(snapshot()->access().is_refused(0));
  EXPECT_NE(refusal("POST", "/aivault/agents", R"({"name":"ci"})").find("damaged"),
            std::string::npos);
  EXPECT_EQ(ok("DELETE", "/aivault/agents/ci"), R"({"name":"ci","removed":true})");
  EXPECT_FALSE(snapshot()->access().is_refused(0));
}

TEST_F(Agents, TakeTheirTokensWithThem) {
  ok("POST", "/aivault/agents", R"({"name":"ci","capabilities":["*"]})");
  EXPECT_EQ(minted(R"({"agent":"ci","ttlMs":31536000000})"), "minted");
  EXPECT_EQ(minted(R"({"agent":"ci","ttlMs":31536000001})"), "token_request");
  EXPECT_EQ(minted(R"({"agent":"ci","ttlMs":1000,"hold":true})"), "minted");
  EXPECT_EQ(snapshot()->access().tokens().size(), 1U);
  EXPECT_EQ(catalog_.minted().list(std::nullopt, from_int(0)).size(), 1U);
  ok("DELETE", "/aivault/agents/ci");
  EXPECT_TRUE(snapshot()->access().tokens().empty());
  EXPECT_TRUE(catalog_.minted().list(std::nullopt, from_int(0)).empty());
}

// Case 41.
TEST_F(Agents, MintForThemselvesWithinTheirRights) {
  actor_.is_operator = false;
  EXPECT_EQ(minted(R"({"capabilities":["*"],"ttlMs":1000})", mint_own_token), "minted");
  EXPECT_EQ(minted(R"({"capabilities":["*"],"ttlMs":86400001})", mint_own_token), "token_request");
  EXPECT_EQ(
      minted(R"({"capabilities":[],"ttlMs":9,"context":{"workspaceId":"w"}})", mint_own_token),
      "context_not_allowed");
  actor_.is_operator = true;
  ok("PUT", "/aivault/access", R"({"defaultAccess":"closed"})");
  actor_.is_operator = false;
  EXPECT_EQ(minted(R"({"capabilities":[],"ttlMs":1000})", mint_own_token), "agent_not_registered");
}

}  // namespace
}  // namespace aivault::admin
