#include <gtest/gtest.h>

#include "broker/call_stage_test.h"

namespace aivault::broker {
namespace {

using testing::response;

// Cases 24, 49, 60, 89, 90.
TEST(Invoke, RefusesWithOneRecordAndWithoutAConnection) {
  struct Case {
    const char* name;
    std::function<void(Call&)> make;
    const char *reason, *message;
  };
  const std::vector<Case> cases{
      {"remote",
       [](Call& c) { c.client_ip = "8.8.8.8"; },
       "remote_client",
       "non-loopback clients are rejected by default"},
      {"no address", [](Call& c) { c.client_ip = "x"; }, "record_invalid", "invalid clientIp"},
      {"unknown capability",
       [](Call& c) { c.envelope.capability = "acme/nothing"; },
       "unknown_capability",
       "capability not found"},
      {"context of a caller",
       [](Call& c) {
         c.caller.is_operator = false;
         c.caller.user = "somebody";
         c.workspace = "w1";
       },
       "context_not_allowed",
       "context not granted"},
      {"group alone", [](Call& c) { c.group = "g"; }, "", "--workspace-id is required"},
      {"unknown credential",
       [](Call& c) { c.envelope.credential = "nobody"; },
       "unknown_credential",
       "credential not found"},
      {"method before path",
       [](Call& c) {
         c.envelope.method = "DELETE";
         c.envelope.path = "/v2";
       },
       "method_not_allowed",
       "method not allowed by capability"},
      {"path",
       [](Call& c) { c.envelope.path = "/v2"; },
       "path_not_allowed",
       "path not allowed by capability"},
      {"traversal",
       [](Call& c) { c.envelope.path = "/v1/../x"; },
       "path_traversal",
       "path traversal is not allowed"},
      {"auth header",
       [](Call& c) { c.envelope.headers.push_back({"Authorization", "x"}); },
       "auth_header_rejected",
       "caller-supplied auth headers are not allowed"},
      {"announced bytes that do not follow",
       [](Call& c) { c.envelope.body = protocol::StreamBody{5}; },
       "body_length",
       "shorter"},
  };
  Stage stage(always(response("never")));
  std::size_t count = 0;
  for (const auto& example : cases) {
    SCOPED_TRACE(example.name);
    auto call = stage.call();
    example.make(call);
    const auto outcome = stage.run(std::move(call));
    ASSERT_TRUE(outcome.error);
    if (*example.reason != '\0') EXPECT_EQ(outcome.error->reason, example.reason);
    EXPECT_NE(outcome.error->message.find(example.message), std::string::npos)
        << outcome.error->message;
    const auto records = stage.records();
    ASSERT_EQ(records.size(), ++count);
    EXPECT_TRUE(records.back().starts_with("denied"));
  }
  EXPECT_EQ(stage.connections(), 0);
  EXPECT_EQ(stage.broker.finished(), cases.size());
}

TEST(Invoke, CompletesWhatTheCapabilityAllowsOnlyOnce) {
  Stage stage(always(response("hello")));
  stage.world.add_capability("acme/one", {"POST"}, "/v1/one");
  auto call = stage.call();
  call.envelope.capability = "acme/one";
  call.envelope.method = call.envelope.path = std::nullopt;
  call.complete_missing = true;
  const auto completed = stage.run(std::move(call));
  ASSERT_EQ(completed.reason(), "ok");
  EXPECT_EQ(*find(completed, "x-aivault-method"), "POST");

  auto ambiguous = stage.call();
  ambiguous.envelope.method = std::nullopt;
  ambiguous.complete_missing = true;
  const auto refused = stage.run(std::move(ambiguous));
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->reason, "field_required");
  EXPECT_EQ(refused.error->message,
            "--method is required because capability allows multiple methods: GET, HEAD, POST");
}

TEST(Invoke, NamesTheDamageThatPreventsACall) {
  struct Row {
    store::Sql sql;
    const char* reason;
    const char* part;
  };
  const Row rows[] = {
      {"UPDATE secrets SET name = 'zz'", "row_integrity", "row integrity check failed: secrets/"},
      {"UPDATE capabilities SET body = '{}'",
       "row_integrity",
       "row integrity check failed: capabilities/acme/things"},
      {"UPDATE credentials SET body = '{}'",
       "none_for_provider",
       "row integrity check failed: credentials/acme"},
  };
  for (const auto& row : rows) {
    Stage stage(always(response("hello")));
    stage.world.tamper(row.sql);
    const auto outcome = stage.run(envelope());
    ASSERT_TRUE(outcome.error) << row.part;
    EXPECT_EQ(outcome.error->reason, row.reason) << outcome.error->message;
    EXPECT_NE(outcome.error->message.find(row.part), std::string::npos) << outcome.error->message;
    EXPECT_EQ(stage.connections(), 0);
  }
  Stage stage(always(response("hello")));
  stage.world.tamper("UPDATE credentials SET body = '{}'");
  auto named = envelope();
  named.credential = "acme";
  EXPECT_EQ(stage.run(std::move(named)).reason(), "record_damaged");
}

TEST(Invoke, ADisabledCapabilityIsNotEvadedByAnother) {
  Stage stage(always(response("hello")));
  stage.world.add_capability("acme/narrow", {"POST"}, "/v1/pay");
  EXPECT_EQ(stage.run(envelope("POST", "/v1/pay/7")).reason(), "ok");
  stage.world.disable_capability("acme/narrow");
  for (const auto* path : {"/v1/pay/7",
                           "/v1/pay",
                           "/v1/%70ay/7",
                           "/v1/%2570ay",
                           "/v1/PAY",
                           "/v1//pay",
                           "/v1/pay;a=1"}) {
    EXPECT_EQ(stage.run(envelope("POST", path)).reason(), "capability_disabled") << path;
  }
  EXPECT_EQ(stage.run(envelope("POST", "/v1/payments")).reason(), "ok");
  EXPECT_EQ(stage.run(envelope("GET", "/v1/pay/7")).reason(), "ok");
  auto narrow = envelope("POST", "/v1/pay/7");
  narrow.capability = "acme/narrow";
  EXPECT_EQ(stage.run(narrow).reason(), "capability_disabled");
}

TEST(Invoke, ADamagedOrRemovedDisableIsNotEvadedByAnother) {
  Stage stage(always(response("hello")));
  stage.world.add_capability("acme/narrow", {"POST"}, "/v1/pay");
  stage.world.disable_capability("acme/narrow");
  ASSERT_EQ(stage.run(envelope("POST", "/v1/pay")).reason(), "capability_disabled");
  stage.world.tamper("UPDATE capabilities SET enabled = 1 WHERE id = 'acme/narrow'");
  EXPECT_EQ(stage.run(envelope("POST", "/v1/pay")).reason(), "row_integrity");
  stage.world.tamper("DELETE FROM capabilities WHERE id = 'acme/narrow'");
  EXPECT_EQ(stage.run(envelope("POST", "/v1/pay")).reason(), "row_integrity");
  EXPECT_EQ(stage.connections(), 0);
}

// The registry says what a refused disable covered; only that is refused.
TEST(Invoke, ADamagedDisableOfTheRegistryRefusesWhatItCovered) {
  Stage stage(always(response("hello")));
  stage.world.add_wide_openai_capability("mine/wide");
  auto wide = envelope("GET", "/v1/models");
  wide.capability = "mine/wide";
  ASSERT_EQ(stage.run(wide).reason(), "capability_disabled");
  stage.world.tamper("UPDATE capabilities SET enabled = 1 WHERE id = 'openai/models'");
  EXPECT_EQ(stage.run(wide).reason(), "row_integrity");
  stage.world.tamper("DELETE FROM capabilities WHERE id = 'openai/models'");
  EXPECT_EQ(stage.run(wide).reason(), "row_integrity");
  wide.path = "/v1/files";
  EXPECT_EQ(stage.run(wide).reason(), "ssrf_blocked");
}

TEST(Invoke, AsksForACredentialWhereSeveralFit) {
  Stage stage(always(response("hello")));
  stage.world.add_credential("acme2");
  const auto ambiguous = stage.run(envelope());
  ASSERT_TRUE(ambiguous.error);
  EXPECT_EQ(ambiguous.error->code, ErrorCode::credential_ambiguous);
  auto named = envelope();
  named.credential = "acme2";
  EXPECT_EQ(*find(stage.run(named), "x-aivault-credential"), "acme2");
}

TEST(Invoke, SeesAChangeOfTheVaultAtTheNextCall) {
  Stage stage(always(response("hello")));
  auto later = envelope();
  later.capability = "acme/later";
  EXPECT_EQ(stage.run(later).reason(), "unknown_capability");
  stage.world.add_capability("acme/later", {"GET"}, "/v1/x");
  EXPECT_EQ(stage.run(later).reason(), "ok");
}

}  // namespace
}  // namespace aivault::broker
