#include "protocol/one_shot.h"

#include <gtest/gtest.h>

#include <vector>

namespace aivault::protocol {
namespace {

std::string request(std::string_view rest, std::string_view op = "execute_envelope") {
  return R"({"op":")" + std::string(op) +
         R"(","envelope":{"capability":"a/b","request":{"method":"GET","path":"/p"}})" +
         std::string(rest) + "}";
}

TEST(OneShot, ReadsWhatOldClientsWrite) {
  const auto parsed = parse_one_shot(
      request(R"(,"client_ip":"127.0.0.1","timeoutMs":50,"workspace_id":"w","group_id":null,"x":1)",
              "execute_envelope_stream"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->streams);
  EXPECT_EQ(parsed->envelope.capability, "a/b");
  EXPECT_EQ(parsed->client_ip, "127.0.0.1");
  EXPECT_EQ(parsed->timeout_ms, 50);
  EXPECT_EQ(parsed->workspace, "w");
  EXPECT_EQ(parsed->group, "");
}

TEST(OneShot, RefusesWhatItCannotRead) {
  const std::vector<std::string> broken{
      "{",
      "{}",
      request(""),
      request(R"(,"client_ip":7)"),
      request(R"(,"client_ip":"::1","timeoutMs":1.5)"),
      request(R"(,"client_ip":"::1","workspace_id":5)"),
      request(R"(,"client_ip":"::1","client_ip":"::1")"),
      request(R"(,"client_ip":"::1")", "other"),
      request(R"(,"client_ip":"::1")") + "x",
      R"({"op":"execute_envelope","client_ip":"::1"})",
  };
  for (const auto& text : broken) {
    const auto parsed = parse_one_shot(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().message.starts_with("invalid request JSON: ")) << text;
    EXPECT_TRUE(one_shot_failure(parsed.error())
                    .starts_with(R"({"ok":false,"error":"invalid request JSON: )"))
        << text;
  }
}

TEST(OneShot, KeepsTheStrictnessOfTheEnvelope) {
  const auto parsed = parse_one_shot(
      R"({"op":"execute_envelope","client_ip":"::1","envelope":{"capability":"a/b","more":1,"request":{"method":"GET","path":"/p"}}})");
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(one_shot_failure(parsed.error())
                  .starts_with(R"({"ok":false,"error":"InvalidRequest: invalid envelope JSON)"));
}

TEST(OneShot, AnswersHealthWithWhateverAddress) {
  const auto parsed = parse_one_shot(
      R"({"op":"execute_envelope","envelope":{"capability":"__aivault/health","request":{"method":"GET","path":"/"}},"client_ip":"8.8.8.8"})");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->is_health);
}

TEST(OneShot, PutsAnAnswerTogetherInOrder) {
  const auto frame = one_shot_frame(201,
                                    {{"content-type", "text/plain"},
                                     {"x-aivault-capability", "a/b"},
                                     {"x-aivault-credential", "c"},
                                     {"x-aivault-method", "GET"},
                                     {"x-aivault-url", "https://h/p"}});
  EXPECT_EQ(
      frame.before + "eA==" + frame.between + "\"x\"" + frame.after,
      R"({"ok":true,"value":{"planned":{"capability":"a/b","credential":"c","method":"GET","url":"https://h/p"},"response":{"bodyB64":"eA==","bodyUtf8":"x","headers":[{"name":"content-type","value":"text/plain"}],"status":201}}})");
  EXPECT_EQ(one_shot_chunk("x"), "{\"type\":\"chunk\",\"bodyB64\":\"eA==\"}\n");
}

}  // namespace
}  // namespace aivault::protocol
