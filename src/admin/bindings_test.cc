#include <gtest/gtest.h>

#include <algorithm>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

class Bindings : public DeskFixture {
 protected:
  Bindings() {
    ok("POST",
       "/aivault/capabilities",
       R"({"id":"acme/items","provider":"acme","methods":["GET"],"paths":["/v1/items"],"hosts":["api.acme.test"]})");
  }
  static std::string body(const std::string& capability,
                          const std::string& secret,
                          const std::string& more = "") {
    return R"({"capability":")" + capability + R"(","secretRef":"vault:secret:)" + secret + '"' +
           more + '}';
  }
  std::string bind(const std::string& capability,
                   const std::string& secret,
                   const std::string& more = "") {
    return ok("PUT", "/aivault/bindings", body(capability, secret, more));
  }
  std::string unbind(const std::string& key) {
    const auto answer = ask("POST", "/aivault/bindings/unbind", "{" + key + "}");
    if (!answer) return answer.error().message;
    return answer->result.find("removed")->boolean() ? "removed" : "absent";
  }
  // Capability, scope and consumer of each, in the order of the list.
  std::string listed(const std::string& filter = "") {
    const auto answer = ask("GET", "/aivault/bindings" + filter);
    if (!answer) return answer.error().message;
    std::string text;
    for (const auto& item : answer->result.find("items")->items()) {
      text += std::string(item.find("capability")->text()) + ' ' +
              std::string(item.find("scope")->find("type")->text());
      if (const auto* consumer = item.find("consumer")) text += ' ' + std::string(consumer->text());
      text += '\n';
    }
    return text;
  }
  std::string secret_ = make_secret("ACME", "a-long-enough-value");
};

constexpr const char* kInWorkspace = R"(,"scope":"workspace","workspaceId":"w1")";
constexpr const char* kInGroup = R"(,"scope":"group","workspaceId":"w1","groupId":"g1")";

TEST_F(Bindings, ArePrintedInTheDocumentedShape) {
  EXPECT_EQ(
      bind("acme/items", secret_, std::string(kInWorkspace) + R"(,"consumer":"ci")"),
      R"({"capability":"acme/items","secretRef":"vault:secret:ID","scope":{"type":"workspace","workspace_id":"w1"},"consumer":"ci","updatedAtMs":T})");
  EXPECT_EQ(
      bind("acme/items", secret_, kInGroup),
      R"({"capability":"acme/items","secretRef":"vault:secret:ID","scope":{"type":"group","workspace_id":"w1","group_id":"g1"},"updatedAtMs":T})");
  EXPECT_EQ(
      bind("acme/items", secret_),
      R"({"capability":"acme/items","secretRef":"vault:secret:ID","scope":{"type":"global"},"updatedAtMs":T})");
}

// Case 68.
TEST_F(Bindings, AreCheckedInTheDocumentedOrder) {
  const auto openai = make_secret("OPENAI_API_KEY", "sk-0123456789abcdef");
  const auto gone = make_secret("GONE", "a-long-enough-value");
  ok("DELETE", "/aivault/secrets/" + gone);
  const std::pair<std::string, const char*> rows[] = {
      {"{}", "--capability is required"},
      {R"({"capability":" "})", "--capability is required"},
      {R"({"capability":"x/y","scope":"group"})", "--workspace-id is required"},
      {R"({"capability":"x/y","scope":"here"})", "--scope must be global, workspace or group"},
      {R"({"capability":"x/y"})", "invalid secret_ref (expected vault:secret:<id>)"},
      {R"({"capability":"x/y","secretRef":")" + secret_ + R"("})",
       "invalid secret_ref (expected vault:secret:<id>)"},
      {body("x/y", "0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44"),
       "secret not found: this secret does not exist or was revoked"},
      {body("x/y", gone), "secret not found: this secret does not exist or was revoked"},
      {body("x/y", openai), "capability 'x/y' not found"},
      {body("acme/items", openai),
       "secret is pinned to provider 'openai' and cannot be bound to capability 'acme/items'"},
      {body("acme/items", secret_, R"(,"consumer":"a\nb")"), "--consumer must have 1 to 256 bytes"},
      {body("acme/items", secret_, R"(,"extra":1)"), "unknown key 'extra'"},
  };
  for (const auto& [given, marker] : rows) {
    const auto sentence = refusal("PUT", "/aivault/bindings", given);
    EXPECT_NE(sentence.find(marker), std::string::npos) << given << "\n" << sentence;
  }
  EXPECT_EQ(listed(), "");
  EXPECT_NE(bind("openai/models", openai), "");
}

TEST_F(Bindings, ReplaceTheirOwnKeyOnlyAndAreSorted) {
  ok("POST",
     "/aivault/capabilities",
     R"({"id":"acme/a","provider":"acme","methods":["GET"],"paths":["/v1/a"],"hosts":["api.acme.test"]})");
  const auto other = make_secret("OTHER", "a-long-enough-value");
  bind("acme/items", secret_, kInGroup);
  bind("acme/items", secret_, R"(,"consumer":"zed")");
  bind("acme/items", secret_, R"(,"consumer":"ann")");
  bind("acme/items", secret_);
  bind("acme/items", secret_, kInWorkspace);
  bind("acme/a", secret_, kInGroup);
  const std::string all =
      "acme/a group\nacme/items global\nacme/items global ann\nacme/items global zed\n"
      "acme/items workspace\nacme/items group\n";
  EXPECT_EQ(listed(), all);
  bind("acme/items", other);
  EXPECT_EQ(listed(), all);
  const auto row = vault::read(
      vault(), [](vault::Reader& reader) { return reader.binding("acme/items global"); });
  EXPECT_EQ((*row)->secret_id.str(), other);

  EXPECT_EQ(listed("?capability=acme%2Fa"), "acme/a group\n");
  EXPECT_EQ(listed("?scope=workspace"), "acme/items workspace\n");
  EXPECT_EQ(listed("?workspaceId=w1&groupId=g1"), "acme/a group\nacme/items group\n");
  EXPECT_EQ(listed("?consumer=zed"), "acme/items global zed\n");
  EXPECT_EQ(listed("?workspaceId=other"), "");
  const auto page = ask("GET", "/aivault/bindings?limit=4");
  ASSERT_TRUE(page);
  const auto cursor = std::string(page->result.find("next")->text());
  EXPECT_EQ(listed("?limit=4") + listed("?limit=4&cursor=" + cursor), all);
  EXPECT_EQ(listed("?cursor=xyz"), "'cursor' is not one of ours");
  EXPECT_EQ(listed("?scope=here"), "'scope' must be global, workspace or group");
}

TEST_F(Bindings, AreRemovedByTheirExactKey) {
  bind("acme/items", secret_, R"(,"consumer":"ci")");
  EXPECT_EQ(unbind(R"("capability":"acme/items")"), "absent");
  EXPECT_EQ(
      unbind(R"("capability":"acme/items","consumer":"ci","scope":"workspace","workspaceId":"w1")"),
      "absent");
  EXPECT_EQ(unbind(R"("capability":"acme/items","consumer":"ci")"), "removed");
  EXPECT_EQ(unbind(R"("capability":"acme/items","consumer":"ci")"), "absent");
  EXPECT_EQ(unbind(R"("capability":"no/such")"), "absent");
  EXPECT_EQ(unbind(R"("consumer":"ci")"), "--capability is required");
  const auto kinds = audit_kinds();
  EXPECT_EQ(std::ranges::count(kinds, "capability.bind"), 1);
  EXPECT_EQ(std::ranges::count(kinds, "capability.unbind"), 1);
}

TEST_F(Bindings, GoWithTheirOwnCapability) {
  bind("acme/items", secret_);
  bind("acme/items", secret_, kInGroup);
  bind("openai/models", secret_);
  ok("DELETE", "/aivault/capabilities/acme%2Fitems");
  EXPECT_EQ(listed(), "openai/models global\n");
  ok("DELETE", "/aivault/capabilities/openai%2Fmodels");
  EXPECT_EQ(listed(), "openai/models global\n") << "disabled only";
}

TEST_F(Bindings, GoWithTheirSecret) {
  bind("acme/items", secret_);
  ok("DELETE", "/aivault/secrets/" + secret_);
  EXPECT_EQ(listed(), "");
}

class SecretGroups : public DeskFixture {
 protected:
  std::string id_ = make_secret("ACME", "a-long-enough-value");
  std::string attach(const std::string& body) {
    return ok("POST", "/aivault/secrets/" + id_ + "/attach", body);
  }
  std::string detach(const std::string& body) {
    return ok("POST", "/aivault/secrets/" + id_ + "/detach", body);
  }
};

constexpr const char* kPair = R"({"workspaceId":"w1","groupId":"g1"})";

TEST_F(SecretGroups, AreAttachedAndDetached) {
  const std::string with = R"("attachedGroups":[{"workspaceId":"w1","groupId":"g1"}])";
  EXPECT_NE(attach(kPair).find(with), std::string::npos);
  EXPECT_NE(attach(kPair).find(with), std::string::npos);
  EXPECT_NE(detach(R"({"workspaceId":"w1","groupId":"g2"})").find(with), std::string::npos);
  EXPECT_NE(detach(kPair).find(R"("attachedGroups":[])"), std::string::npos);
  EXPECT_NE(detach(kPair).find(R"("attachedGroups":[])"), std::string::npos);
  const auto kinds = audit_kinds();
  EXPECT_EQ(std::ranges::count(kinds, "secret.attach"), 1) << "what changes nothing is no record";
  EXPECT_EQ(std::ranges::count(kinds, "secret.detach"), 1);
}

TEST_F(SecretGroups, NeedBothIdsAndALiveSecretOfTheOperator) {
  make_secret("TWILIO_ACCOUNT_SID", "AC0123456789abcdef");
  make_secret("TWILIO_AUTH_TOKEN", "0123456789abcdef");
  std::string composite;
  const auto listed = ask("GET", "/aivault/secrets");
  ASSERT_TRUE(listed);
  for (const auto& item : listed->result.find("items")->items()) {
    if (item.find("systemManaged")->boolean()) composite = item.find("secretId")->text();
  }
  for (const char* verb : {"/attach", "/detach"}) {
    const auto refused = [&](const std::string& id, const std::string& body) {
      return refusal("POST", "/aivault/secrets/" + id + verb, body);
    };
    for (const char* body : {"{}",
                             R"({"workspaceId":"w1"})",
                             R"({"groupId":"g1"})",
                             R"({"workspaceId":" ","groupId":"g1"})"}) {
      EXPECT_EQ(refused(id_, body), "workspace and group_id required");
    }
    EXPECT_NE(refused(id_, R"({"workspaceId":"w:1","groupId":"g1"})").find("--workspace-id must"),
              std::string::npos);
    EXPECT_EQ(refused("0b7e6c1e-3d0a-4c57-9a2e-8f5f3a1d2c44", kPair), "secret not found");
    EXPECT_EQ(refused(composite, kPair), "secret is system-managed");
  }
  ok("DELETE", "/aivault/secrets/" + id_);
  EXPECT_EQ(refusal("POST", "/aivault/secrets/" + id_ + "/attach", kPair), "secret revoked");
}

}  // namespace
}  // namespace aivault::admin
