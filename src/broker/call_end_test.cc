#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "broker/call_stage_test.h"
#include "testing/upstream_call.h"

namespace aivault::broker {
namespace {

using namespace std::chrono_literals;
using testing::response;

class NoWriting {
 public:
  NoWriting() {
    static_cast<void>(::signal(SIGXFSZ, SIG_IGN));
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{1, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoWriting() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  NoWriting(const NoWriting&) = delete;
  NoWriting& operator=(const NoWriting&) = delete;

 private:
  rlimit before_{};
};

// Case 185.
TEST(Invoke, LimitsTheCallsOfOneCaller) {
  std::atomic<bool> go = false;
  auto options = Stage::default_options();
  options.limits.calls_per_uid = 1;
  Stage stage(
      [&go](TlsPeer& peer) {
        peer.read_head();
        while (!go) std::this_thread::sleep_for(1ms);
        peer.write(response("hello"));
      },
      registry::HeaderAuth(),
      options);
  std::optional<Outcome> first;
  boost::asio::co_spawn(stage.loop,
                        testing::store_into(first, make_call(stage.broker, stage.call(), 100)),
                        [](const std::exception_ptr&) {});
  stage.loop.run_for(50ms);
  const auto second = stage.run(envelope());
  ASSERT_TRUE(second.error);
  EXPECT_EQ(second.error->reason, "concurrency_limit");
  EXPECT_EQ(second.error->retry_after_s, 1);
  auto other = stage.call();
  other.caller.uid = 1001;
  go = true;
  EXPECT_EQ(stage.run(std::move(other)).reason(), "ok");
  while (!first) stage.loop.run_for(10ms);
  EXPECT_EQ(first->reason(), "ok");
}

TEST(Invoke, RecordsOneEndWhateverHappensToTheCaller) {
  enum class Leaves { before_head, in_body, cancelled };
  for (const auto leaves : {Leaves::before_head, Leaves::in_body, Leaves::cancelled}) {
    std::atomic<bool> gone = false;
    Stage stage([&gone, leaves](TlsPeer& peer) {
      peer.read_head();
      if (leaves == Leaves::in_body) {
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello\n");
      }
      peer.drain();
      gone = true;
    });
    if (leaves == Leaves::in_body) {
      auto answer = testing::run_async(stage.loop, stage.broker.invoke(stage.call()));
      ASSERT_TRUE(answer);
      EXPECT_EQ(stage.broker.running(), 1U);
      answer->reset();
    } else {
      boost::asio::cancellation_signal cancel;
      bool done = false;
      std::optional<Outcome> outcome;
      boost::asio::co_spawn(
          stage.loop,
          testing::store_into(outcome, make_call(stage.broker, stage.call(), 100)),
          boost::asio::bind_cancellation_slot(cancel.slot(),
                                              [&done](const std::exception_ptr&) { done = true; }));
      // Right after the start, or when the upstream has the request.
      stage.loop.run_for(leaves == Leaves::before_head ? 100ms : 0ms);
      cancel.emit(boost::asio::cancellation_type::terminal);
      while (!done) stage.loop.run_for(5ms);
    }
    EXPECT_EQ(stage.broker.running(), 0U);
    EXPECT_EQ(stage.broker.finished(), 1U);
    const auto events = stage.events();
    if (events.empty()) continue;  // Cancelled before anything was recorded.
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[1].outcome, "error");
    for (int i = 0; i < 200 && !gone && stage.connections() > 0; ++i) {
      std::this_thread::sleep_for(5ms);
    }
    EXPECT_TRUE(gone || stage.connections() == 0);
  }
}

TEST(Invoke, RecordsTheErrorOfTheUpstream) {
  Stage stage([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + std::string(99'000, 'x'));
    peer.end();
  });
  const auto outcome = stage.run(envelope());
  EXPECT_EQ(outcome.reason(), "connection_lost");
  EXPECT_FALSE(outcome.body.empty());
  EXPECT_EQ(stage.records(), (std::vector<std::string>{"started", "error connection_lost"}));
}

TEST(Invoke, SendsNoSecretThatWasWithdrawnWhileTheCallWaited) {
  struct Case {
    const char* reason;
    std::function<void(VaultWorld&)> withdraw;
  };
  const std::vector<Case> cases = {
      {"ok", [](VaultWorld& world) { world.add_credential("acme2"); }},
      {"secret_missing", [](VaultWorld& world) { world.revoke_secret(); }},
      {"secret_missing", [](VaultWorld& world) { world.set_secret("sk-another-value"); }},
      {"unknown_credential", [](VaultWorld& world) { world.disable_credential("acme"); }},
      {"capability_disabled", [](VaultWorld& world) { world.disable_capability("acme/things"); }},
      {"capability_disabled", [](VaultWorld& world) { world.disable_capability("acme/part"); }},
  };
  for (const auto& example : cases) {
    SCOPED_TRACE(example.reason);
    std::atomic<int> seen = 0;
    std::atomic<bool> go = false;
    Stage stage([&](TlsPeer& peer) {
      while (!peer.read_head().empty()) {
        ++seen;
        while (!go) std::this_thread::sleep_for(1ms);
        peer.write(response("hello"));
      }
    });
    stage.world.add_capability("acme/part", {"GET"}, "/v1/x");
    constexpr int kPlaces = 64;  // Of one key.
    std::vector<std::optional<Outcome>> outcomes(kPlaces + 1);
    for (auto& outcome : outcomes) {
      boost::asio::co_spawn(stage.loop,
                            testing::store_into(outcome, make_call(stage.broker, stage.call(), 99)),
                            [](const std::exception_ptr&) {});
    }
    while (seen < kPlaces) stage.loop.run_for(10ms);
    example.withdraw(stage.world);
    go = true;
    for (const auto& outcome : outcomes) {
      while (!outcome) stage.loop.run_for(5ms);
    }
    const auto waited = [](const auto& outcome) { return outcome->reason() != "ok"; };
    const bool stays = std::string(example.reason) != "ok";
    const bool ends_others = std::string(example.reason).find("secret") == std::string::npos;
    const auto ended = std::ranges::count_if(outcomes, waited);
    // What is no longer allowed also ends when it is under way.
    if (stays && ends_others) {
      EXPECT_GE(ended, 1);
    } else {
      EXPECT_EQ(ended, stays ? 1 : 0);
    }
    EXPECT_EQ(seen, stays ? kPlaces : kPlaces + 1);
    EXPECT_EQ(outcomes.back()->reason(), example.reason);
  }
}

class BreakingBody final : public upstream::BodySource {
 public:
  boost::asio::awaitable<Result<std::size_t>> read(std::span<std::byte>) override {
    throw std::bad_alloc();
    co_return 0;
  }
};

TEST(Invoke, WhatBreaksInsideACallEndsItWithAnError) {
  Stage stage([](TlsPeer& peer) { peer.drain(); });
  BreakingBody body;
  auto before_start = stage.call();
  before_start.announced = &body;
  auto after_start = stage.call(envelope("POST"));
  after_start.envelope.body = protocol::StreamBody{5};
  after_start.announced = &body;
  for (auto* call : {&before_start, &after_start}) {
    const auto outcome = stage.run(std::move(*call));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code, ErrorCode::vault_unavailable);
    EXPECT_EQ(outcome.error->reason, "internal");
  }
  EXPECT_EQ(stage.records(),
            (std::vector<std::string>{"started", "error internal", "denied internal"}));
  EXPECT_EQ(stage.events().at(1).note, "");
}

TEST(Invoke, NoRefusalHidesAnother) {
  Stage stage(always(response("never")));
  for (const auto* path : {"/a", "/b", "/a", "/v1/../x"}) stage.run(envelope("GET", path));
  stage.run(envelope("POST", "/a"));
  auto credential = envelope("GET", "/a");
  for (const auto* name : {"one", "two"}) {
    credential.credential = name;
    stage.run(credential);
  }
  EXPECT_EQ(stage.records().size(), 6U);
  // Made-up names do not count.
  auto unknown = envelope();
  for (const auto* name : {"x/1", "x/2", "x/3"}) {
    unknown.capability = unknown.path.emplace(name);
    stage.run(unknown);
  }
  EXPECT_EQ(stage.records().size(), 7U);
}

TEST(Invoke, GivesACleanErrorWhenASmallBodyEndsTooEarly) {
  Stage stage([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    peer.end();
  });
  const auto outcome = stage.run(envelope());
  EXPECT_EQ(outcome.reason(), "connection_lost");
  EXPECT_EQ(outcome.status, 0);
}

TEST(Invoke, ObeysTheCallersTotalTimeout) {
  Stage stage([](TlsPeer& peer) { peer.drain(); });
  auto call = stage.call();
  call.timeout = 50ms;
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(stage.run(std::move(call)).reason(), "timeout_total");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
}

// Case 227.
TEST(Invoke, NothingIsSentWhenTheStartCannotBeRecorded) {
  Stage stage(always(response("never")));
  ASSERT_EQ(stage.run(envelope("GET", "/v2")).reason(), "path_not_allowed");
  stage.broker.settle();
  stage.world.vault().flush();
  const auto outcome = [&stage] {
    const NoWriting full_disk;
    return stage.run(envelope());
  }();
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code, ErrorCode::vault_unavailable);
  EXPECT_EQ(outcome.error->reason, "audit_unavailable");
  EXPECT_EQ(stage.connections(), 0);
}

}  // namespace
}  // namespace aivault::broker
