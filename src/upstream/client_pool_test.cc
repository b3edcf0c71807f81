// Which connections are used again, and by whom.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "testing/certificates.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"

namespace aivault::upstream {
namespace {

using namespace std::chrono_literals;
using testing::PatternBody;
using testing::RequestWish;
using testing::response;
using testing::TlsPeer;
using testing::TlsServer;
using testing::UpstreamCaller;

const testing::CertificateAuthority& authority() {
  static const testing::CertificateAuthority made;
  return made;
}

struct Pair {
  explicit Pair(TlsServer::Serve serve, Client::Options options = {})
      : server(authority().issue({{"localhost"}, {"127.0.0.1"}}), std::move(serve)),
        caller(authority().pem(), std::move(options)) {}
  RequestWish get() const { return {.authority = server.authority("localhost")}; }

  TlsServer server;
  UpstreamCaller caller;
};

void answer_ok(TlsPeer& peer) {
  while (!peer.read_head().empty()) peer.write(response("ok"));
}

// Case 204.
TEST(ClientPool, SetsUpOneConnectionForAHundredCalls) {
  Pair pair(answer_ok);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(pair.caller.call(pair.get()).reason(), "ok");
  EXPECT_EQ(pair.caller.lookups(), 1);
  EXPECT_EQ(pair.server.accepted(), 1);
  EXPECT_EQ(pair.server.handshakes(), 1);
  EXPECT_EQ(pair.caller.client().idle_connections(), 1U);
}

TEST(ClientPool, SharesNothingBetweenKeys) {
  Pair pair(answer_ok);
  for (const auto* key : {"cred-1 alice", "cred-1 bob", "cred-2 alice", "cred-1 alice"}) {
    ASSERT_EQ(pair.caller.call(pair.get(), nullptr, {}, key).reason(), "ok");
  }
  EXPECT_EQ(pair.server.handshakes(), 3);
}

TEST(ClientPool, ClosesAfterMethodsWhoseBodiesAreReadDifferently) {
  for (const auto* method : {"GET", "HEAD", "OPTIONS", "POST"}) {
    Pair pair([](TlsPeer& peer) {
      for (;;) {
        const auto head = peer.read_head();
        if (head.empty()) return;
        peer.read_exactly(4);
        peer.write(head.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
                                            : response("ok"));
      }
    });
    for (int i = 0; i < 2; ++i) {
      PatternBody body(4);
      const RequestWish wish{.authority = pair.server.authority("localhost"),
                             .method = method,
                             .has_body = true,
                             .body_size = 4};
      EXPECT_EQ(pair.caller.call(wish, &body).reason(), "ok");
    }
    EXPECT_EQ(pair.server.handshakes(), std::string(method) == "POST" ? 1 : 2) << method;
  }
}

TEST(ClientPool, ClosesAfterAnAnswerThatBeganBeforeTheRequestEnded) {
  constexpr std::uint64_t kSize = std::uint64_t{16} << 20U;  // More than the sockets hold.
  for (const bool early : {false, true}) {
    Pair pair([early](TlsPeer& peer) {
      while (!peer.read_head().empty()) {
        if (early) peer.write("HTTP/1.1 200 OK\r\nconte");
        std::this_thread::sleep_for(50ms);
        for (std::uint64_t left = kSize; left > 0;) left -= peer.read_some().size();
        if (!early) peer.write("HTTP/1.1 200 OK\r\nconte");
        peer.write("nt-length: 2\r\n\r\nok");
      }
    });
    for (int i = 0; i < 2; ++i) {
      PatternBody body(kSize);
      const RequestWish wish{.authority = pair.server.authority("localhost"),
                             .method = "POST",
                             .has_body = true,
                             .body_size = kSize};
      const auto outcome = pair.caller.call(wish, &body);
      EXPECT_EQ(outcome.reason(), "ok");
      EXPECT_EQ(outcome.request_bytes, kSize);
      EXPECT_EQ(outcome.body, "ok");
    }
    EXPECT_EQ(pair.server.handshakes(), early ? 2 : 1);
  }
}

TEST(ClientPool, KeepsABoundedNumberOfIdleConnectionsTheNewestOnes) {
  Client::Options options;
  options.max_idle = 3;
  Pair pair(answer_ok, std::move(options));
  for (const auto* key : {"1", "2", "3", "1", "4", "5"}) {
    ASSERT_EQ(pair.caller.call(pair.get(), nullptr, {}, key).reason(), "ok");
  }
  EXPECT_EQ(pair.caller.client().idle_connections(), 3U);
  EXPECT_EQ(pair.server.handshakes(), 5);
  for (const auto* key : {"5", "1", "4"}) pair.caller.call(pair.get(), nullptr, {}, key);
  EXPECT_EQ(pair.server.handshakes(), 5);
}

TEST(ClientPool, ClosesAConnectionThatSaysMoreThanItWasAsked) {
  Pair pair([](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(response("ok") + response("smuggled"));
  });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(pair.caller.call(pair.get()).body, "ok");
  EXPECT_EQ(pair.server.handshakes(), 2);
}

TEST(ClientPool, ClosesAConnectionThatSpeaksWhileIdle) {
  Pair pair([](TlsPeer& peer) {
    while (!peer.read_head().empty()) {
      peer.write(response("ok"));
      std::this_thread::sleep_for(50ms);
      peer.write(response("poison"));
    }
  });
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(pair.caller.call(pair.get()).body, "ok");
    std::this_thread::sleep_for(150ms);
  }
  EXPECT_EQ(pair.server.handshakes(), 2);
}

TEST(ClientPool, OpensANewConnectionWhenTheServerClosedTheIdleOne) {
  Pair pair([](TlsPeer& peer) {
    peer.read_head();
    peer.write(response("ok"));
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pair.caller.call(pair.get()).reason(), "ok");
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(pair.server.handshakes(), 3);
}

TEST(ClientPool, HonoursConnectionClose) {
  Pair pair([](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(response("ok", "connection: close\r\n"));
  });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(pair.caller.call(pair.get()).reason(), "ok");
  EXPECT_EQ(pair.server.handshakes(), 2);
}

// Case 202.
TEST(ClientPool, NeverRepeatsARequestThatMayHaveArrived) {
  for (const bool with_body : {false, true}) {
    std::atomic<int> requests = 0;
    Pair pair([&requests](TlsPeer& peer) {
      for (;;) {
        const auto head = peer.read_head();
        if (head.empty()) return;
        if (head.starts_with("POST")) peer.read_exactly(4);
        if (++requests == 2) return peer.reset();
        peer.write(response("ok"));
      }
    });
    ASSERT_EQ(pair.caller.call(pair.get()).reason(), "ok");
    PatternBody body(4);
    const RequestWish wish{.authority = pair.server.authority("localhost"),
                           .method = with_body ? "POST" : "GET",
                           .has_body = with_body,
                           .body_size = with_body ? std::optional<std::uint64_t>(4) : std::nullopt};
    const auto outcome = pair.caller.call(wish, with_body ? &body : nullptr);
    EXPECT_EQ(outcome.reason(), "connection_lost");
    EXPECT_EQ(requests, 2);
    EXPECT_EQ(pair.server.handshakes(), 1);
  }
}

TEST(ClientPool, DropsConnectionsAfterTheIdleTime) {
  Client::Options options;
  options.idle = 60ms;
  Pair pair(answer_ok, std::move(options));
  EXPECT_EQ(pair.caller.call(pair.get()).reason(), "ok");
  EXPECT_EQ(pair.caller.client().idle_connections(), 1U);
  pair.caller.run_for(150ms);
  EXPECT_EQ(pair.caller.client().idle_connections(), 0U);
  EXPECT_EQ(pair.caller.call(pair.get()).reason(), "ok");
  std::this_thread::sleep_for(100ms);  // Too old although no sweep has run.
  EXPECT_EQ(pair.caller.call(pair.get()).reason(), "ok");
  EXPECT_EQ(pair.server.handshakes(), 3);
}

boost::asio::awaitable<void> count_call(
    UpstreamCaller& caller, RequestWish wish, Timeouts timeouts, int& ok, int& timed_out) {
  auto request = testing::signed_request(wish);
  auto destination = caller.destination();
  const auto outcome = co_await testing::make_call(
      caller.client(), std::move(request), std::move(destination), nullptr, timeouts);
  if (!outcome.error) ++ok;
  if (outcome.reason() == "timeout_total") ++timed_out;
}

TEST(ClientPool, OpensAtMost64ConnectionsPerKeyAndLetsTheRestWait) {
  std::atomic<int> open = 0;
  std::atomic<int> most = 0;
  std::atomic<bool> go = false;
  Pair pair([&](TlsPeer& peer) {
    while (!peer.read_head().empty()) {
      const int now = ++open;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      while (!go) std::this_thread::sleep_for(1ms);
      --open;
      peer.write(response("ok"));
    }
  });
  int ok = 0;
  int timed_out = 0;
  Timeouts patient;
  Timeouts hasty;
  hasty.total = 20ms;
  for (int i = 0; i < 100; ++i) {
    boost::asio::co_spawn(pair.caller.loop(),
                          count_call(pair.caller, pair.get(), patient, ok, timed_out),
                          boost::asio::detached);
  }
  for (int i = 0; i < 2000 && most < 64; ++i) pair.caller.run_for(10ms);
  boost::asio::co_spawn(pair.caller.loop(),
                        count_call(pair.caller, pair.get(), hasty, ok, timed_out),
                        boost::asio::detached);
  for (int i = 0; i < 2000 && timed_out == 0; ++i) pair.caller.run_for(10ms);
  EXPECT_EQ(timed_out, 1);
  EXPECT_EQ(ok, 0);
  go = true;
  for (int i = 0; i < 2000 && ok < 100; ++i) pair.caller.run_for(10ms);
  EXPECT_EQ(ok, 100);
  EXPECT_EQ(most, 64);
  EXPECT_EQ(pair.server.accepted(), 64);
}

}  // namespace
}  // namespace aivault::upstream
