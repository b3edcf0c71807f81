#include "audit/event.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "json/write.h"

namespace aivault::audit {
namespace {

Event full() {
  Event e;
  e.kind = "capability.invoke";
  e.secret_id = "0b7e";
  e.scope = "global";
  e.actor = "agent";
  e.capability = "acme/items";
  e.consumer = "acme";
  e.note = "n";
  e.uid = 1001;
  e.user = "agent";
  e.pid = 4242;
  e.exe = "[python3]";
  e.unit = "u.service";
  e.agent = "ci";
  e.token_id = "t3k9";
  e.credential = "acme";
  e.method = "GET";
  e.path = "/v1/items";
  e.host = "api.acme.test";
  e.outcome = "denied";
  e.code = "policy_violation";
  e.reason = "method_not_allowed";
  e.status = 200;
  e.request_bytes = 0;
  e.response_bytes = 914;
  e.duration_ms = 212;
  e.workspace_id = "w";
  e.group_id = "g";
  e.approval_id = "a";
  e.request_id = "r";
  e.count = 3;
  e.late = true;
  e.imported = true;
  return e;
}

TEST(Event, PrintsItsMembersInDocumentedOrder) {
  EXPECT_EQ(
      json::compact(to_json({812, from_int(1'767'225'600'000), full()})),
      R"({"tsMs":1767225600000,"kind":"capability.invoke","secretId":"0b7e","scope":"global",)"
      R"("actor":"agent","capability":"acme/items","consumer":"acme","note":"n","seq":812,)"
      R"("uid":1001,"user":"agent","pid":4242,"exe":"[python3]","unit":"u.service","agent":"ci",)"
      R"("tokenId":"t3k9","credential":"acme","method":"GET","path":"/v1/items",)"
      R"("host":"api.acme.test","outcome":"denied","code":"policy_violation",)"
      R"("reason":"method_not_allowed","status":200,"requestBytes":0,"responseBytes":914,)"
      R"("durationMs":212,"workspaceId":"w","groupId":"g","approvalId":"a","requestId":"r",)"
      R"("count":3,"late":true,"imported":true})");
  Event small;
  small.kind = "vault.init";
  EXPECT_EQ(json::compact(to_json({1, from_int(5), small})),
            R"({"tsMs":5,"kind":"vault.init","seq":1})");
}

TEST(Event, ComesBackFromItsBody) {
  const auto body = to_body(full());
  EXPECT_EQ(body.find("kind"), std::string::npos);
  EXPECT_EQ(to_body(from_body("capability.invoke", body)), body);
  EXPECT_EQ(from_body("x", "{broken").kind, "x");
  Event operators;
  operators.actor = "operator";
  EXPECT_EQ(to_body(operators), R"({"actor":"operator"})");
}

TEST(Event, CutsLongTextAndKeepsAHashOfIt) {
  Event e;
  e.path = std::string(255, 'a') + "\xC3\xA4" + std::string(1000, 'b');
  const auto first = from_body("x", to_body(e)).path;
  EXPECT_EQ(first.substr(0, 255), std::string(255, 'a'));
  EXPECT_EQ(first.substr(255, 4), "...#");  // Not half of a character.
  EXPECT_EQ(first.size(), 255U + 4 + 16);
  e.path.back() = 'c';
  EXPECT_NE(from_body("x", to_body(e)).path, first);
  e.path = std::string(256, 'a');
  EXPECT_EQ(from_body("x", to_body(e)).path, e.path);
  e.path = "\xFF\n\x1B";
  const auto odd = from_body("x", to_body(e)).path;
  EXPECT_TRUE(is_valid_utf8(odd));
  EXPECT_FALSE(has_control(odd));
}

TEST(Head, IsASequenceNumberAndAHash) {
  const std::string hash(64, 'a');
  const auto head = parse_head("12:" + hash);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->seq, 12);
  EXPECT_EQ(head->hash, hash);
  for (const auto& text : {std::string(),
                           hash,
                           "x:" + hash,
                           "-1:" + hash,
                           "1:" + hash + "a",
                           "1:" + std::string(64, 'z'),
                           std::string("1:")}) {
    EXPECT_FALSE(parse_head(text)) << text;
  }
}

}  // namespace
}  // namespace aivault::audit
