#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/call_stage_test.h"
#include "catalog/new_token.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
using catalog::Agent;
using catalog::DefaultAccess;
using Texts = std::vector<std::string>;

constexpr std::int64_t kAgentUid = 1001;
const std::string kAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

// Something, and then nothing for long.
TlsServer::Serve endless() {
  return [](TlsPeer& peer) {
    while (!peer.read_head().empty()) {
      peer.write(
          "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
          "transfer-encoding: chunked\r\n\r\n6\r\ndata:\n\r\n");
    }
  };
}

class Rights {
 public:
  explicit Rights(TlsServer::Serve serve = always(kAnswer)) : stage(std::move(serve)) {}

  void change(const std::function<Result<void>(vault::Change&)>& work) {
    const auto done = stage.world.vault().change([&](vault::Change& c) -> Result<void> {
      TRY(work(c));
      c.record(testing::event_of("agent.update"));
      return {};
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void put(const Agent& agent) {
    change([&](vault::Change& c) { return c.put(catalog::to_row(agent)); });
  }
  void set_access(DefaultAccess access) {
    change([&](vault::Change& c) { return c.put(catalog::to_row(access, c.now())); });
  }
  static Agent agent(Texts patterns) {
    Agent made;
    made.name = "ci";
    made.uid = kAgentUid;
    made.user = "agent";
    made.capabilities = std::move(patterns);
    return made;
  }
  Call call_of_agent(protocol::Envelope what = envelope()) {
    auto call = stage.call(std::move(what));
    call.caller.uid = kAgentUid;
    call.caller.user = "agent";
    call.caller.is_operator = false;
    call.caller.door = Door::agent_socket;
    return call;
  }
  std::shared_ptr<const Secret> token(Texts patterns, std::optional<std::int64_t> uid = {}) {
    auto value = std::make_shared<const Secret>(catalog::new_token_value());
    catalog::Token made;
    made.id = "t1";
    made.uid = uid;
    made.capabilities = std::move(patterns);
    made.expires_at =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
        std::chrono::hours(1);
    const auto hash = stage.world.vault().token_hash(*value);
    change([&](vault::Change& c) { return c.put(catalog::to_row(made, *hash)); });
    return value;
  }
  std::string reason(Call call) {
    const auto outcome = stage.run(std::move(call));
    return outcome.error ? outcome.error->reason : "ok";
  }

  Stage stage;
};

TEST(CallerRights, RefusesUsersWithoutARecordWhereAccessIsClosed) {
  Rights rights;
  EXPECT_EQ(rights.reason(rights.call_of_agent()), "ok");
  rights.set_access(DefaultAccess::closed);
  EXPECT_EQ(rights.reason(rights.call_of_agent()), "agent_not_registered");
  EXPECT_EQ(rights.reason(rights.stage.call()), "ok") << "the operator";
  auto on_agent_socket = rights.stage.call();
  on_agent_socket.caller.door = Door::agent_socket;
  on_agent_socket.caller.user = "operator";
  EXPECT_EQ(rights.reason(std::move(on_agent_socket)), "agent_not_registered");
}

TEST(CallerRights, RecordsWhoseRightsACallHas) {
  Rights rights;
  rights.put(Rights::agent({"acme/*"}));
  auto call = rights.call_of_agent();
  call.token = rights.token({"acme/things"});
  ASSERT_EQ(rights.reason(std::move(call)), "ok");
  const auto event = rights.stage.events().back();
  EXPECT_EQ(event.actor, "agent");
  EXPECT_EQ(event.agent, "ci");
  EXPECT_EQ(event.token_id, "t1");
}

// What is not granted does not exist, and the audit knows better.
TEST(CallerRights, AnswersAsIfACapabilityThatIsNotGrantedDidNotExist) {
  Rights rights;
  rights.put(Rights::agent({"github/*"}));
  const auto refused = rights.stage.run(rights.call_of_agent());
  auto unknown = envelope();
  unknown.capability = "acme/nothing";
  const auto missing = rights.stage.run(rights.call_of_agent(std::move(unknown)));
  ASSERT_TRUE(refused.error && missing.error);
  EXPECT_EQ(refused.error->code, ErrorCode::capability_not_found);
  EXPECT_EQ(refused.error->reason, missing.error->reason);
  const auto events = rights.stage.events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().reason, "agent_not_granted");
}

// Case 39.
TEST(CallerRights, LetsAReadOnlyAgentOnlyRead) {
  Rights rights;
  rights.stage.world.add_capability("acme/all", {"GET", "POST"}, "/v1/");
  auto reader = Rights::agent({"acme/*"});
  reader.read_only = true;
  rights.put(reader);
  auto reading = envelope("GET");
  reading.capability = "acme/all";
  EXPECT_EQ(rights.reason(rights.call_of_agent(reading)), "ok");
  auto writing = envelope("POST");
  writing.capability = "acme/all";
  EXPECT_EQ(rights.reason(rights.call_of_agent(writing)), "agent_read_only");
  auto elsewhere = envelope("POST", "/v2/x");
  elsewhere.capability = "acme/all";
  EXPECT_EQ(rights.reason(rights.call_of_agent(elsewhere)), "path_not_allowed");
}

// Case 184.
TEST(CallerRights, LimitsAnAgentOverAllCapabilities) {
  Rights rights;
  rights.stage.world.add_capability("acme/other", {"GET"}, "/v1/");
  auto limited = Rights::agent({"acme/*"});
  limited.rate_per_minute = 5;
  rights.put(limited);
  for (int i = 0; i < 5; ++i) {
    auto what = envelope();
    if (i % 2 == 1) what.capability = "acme/other";
    EXPECT_EQ(rights.reason(rights.call_of_agent(what)), "ok") << i;
  }
  const auto refused = rights.stage.run(rights.call_of_agent());
  ASSERT_TRUE(refused.error);
  EXPECT_NE(refused.error->message.find("agent rate limit exceeded"), std::string::npos);
  EXPECT_GE(refused.error->retry_after_s, 1);
  EXPECT_EQ(rights.reason(rights.stage.call()), "ok") << "the operator is not the agent";
}

// Reads until the stream breaks; meanwhile `then` happens once, when the first bytes are there.
asio::awaitable<Outcome> stream(Broker& broker, Call call, std::function<void()> then) {
  Outcome outcome;
  auto answer = co_await broker.invoke(std::move(call));
  if (!answer) {
    outcome.error = std::move(answer).error();
    co_return outcome;
  }
  std::vector<std::byte> into(1024);
  for (;;) {
    const std::span<std::byte> room(into);
    auto got = co_await (*answer)->read(room);
    if (!got) outcome.error = std::move(got).error();
    if (!got || *got == 0) co_return outcome;
    outcome.body += text_of(room.first(*got));
    if (then) std::exchange(then, nullptr)();
  }
}

// The stream ends because of the change, within the second that is promised and its margin.
std::string ended_by(Rights& rights, Call call, std::function<void()> change) {
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = testing::run_async(
      rights.stage.loop, stream(rights.stage.broker, std::move(call), std::move(change)));
  EXPECT_EQ(outcome.body, "data:\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(30));
  return outcome.error ? outcome.error->reason : "ended by itself";
}

TEST(CallerRights, EndsARunningStreamWhenItsGrantIsTakenBack) {
  Rights rights(endless());
  rights.put(Rights::agent({"acme/*"}));
  EXPECT_EQ(ended_by(rights, rights.call_of_agent(), [&] { rights.put(Rights::agent({})); }),
            "unknown_capability");
  const auto event = rights.stage.events().back();
  EXPECT_EQ(event.outcome, "error");
}

TEST(CallerRights, EndsARunningStreamWithItsTokenItsAgentOrTheAccessOfAll) {
  {
    Rights rights(endless());
    auto call = rights.call_of_agent();
    call.token = rights.token({"*"});
    const auto revoke = [&] {
      rights.change([](vault::Change& c) -> Result<void> {
        std::vector<vault::Problem> damaged;
        TRY_ASSIGN(auto rows, c.tokens(damaged));
        rows.front().revoked_at = c.now();
        return c.put(rows.front());
      });
    };
    EXPECT_EQ(ended_by(rights, std::move(call), revoke), "token_revoked");
  }
  {
    Rights rights(endless());
    auto expiring = Rights::agent({"acme/*"});
    expiring.expires_at =
        std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
        std::chrono::seconds(2);
    rights.put(expiring);
    EXPECT_EQ(ended_by(rights, rights.call_of_agent(), nullptr), "agent_expired");
  }
  {
    Rights rights(endless());
    EXPECT_EQ(
        ended_by(rights, rights.call_of_agent(), [&] { rights.set_access(DefaultAccess::closed); }),
        "agent_not_registered");
  }
  {
    Rights rights(endless());
    EXPECT_EQ(ended_by(rights,
                       rights.call_of_agent(),
                       [&] { rights.stage.world.disable_capability("acme/things"); }),
              "capability_disabled");
  }
}

TEST(CallerRights, LetsAStreamGoOnWhenWhatChangesIsNotItsOwn) {
  Rights rights(endless());
  auto limited = rights.call_of_agent();
  limited.timeout = std::chrono::milliseconds(1500);
  EXPECT_EQ(
      ended_by(rights, std::move(limited), [&] { rights.put(Rights::agent({"acme/things"})); }),
      "timeout_total");
}

}  // namespace
}  // namespace aivault::broker
