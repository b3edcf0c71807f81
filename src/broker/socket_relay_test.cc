#include "broker/socket_relay.h"

#include <gtest/gtest.h>

#include <deque>
#include <limits>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/call_stage_test.h"

namespace aivault::broker {
namespace {

namespace asio = boost::asio;
namespace websocket = http::websocket;
using websocket::End;
using websocket::Opcode;

// A caller that says what it is told to, and then waits.
class Caller final : public CallerStream {
 public:
  explicit Caller(const asio::any_io_executor& executor, std::deque<std::string> says = {})
      : says_(std::move(says)), wait_(executor, asio::steady_timer::time_point::max()) {}

  asio::awaitable<std::size_t> read(std::span<char> into) override {
    if (says_.empty() && !interrupted_) {
      co_await wait_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (says_.empty()) co_return 0;
    const auto text = says_.front();
    says_.pop_front();
    std::ranges::copy(text, into.begin());
    co_return text.size();
  }
  asio::awaitable<bool> write(std::string_view bytes) override {
    got += bytes;
    largest_write = std::max(largest_write, bytes.size());
    co_return true;
  }
  void interrupt() override {
    interrupted_ = true;
    wait_.cancel();
  }
  Result<void> hold(std::size_t bytes) override {
    if (bytes > may_hold) {
      return policy_violation("concurrency_limit", "memory budget exhausted");
    }
    most_held = std::max(most_held, bytes);
    return {};
  }

  std::string got;
  std::size_t may_hold = std::numeric_limits<std::size_t>::max();
  std::size_t most_held = 0, largest_write = 0;

 private:
  std::deque<std::string> says_;
  bool interrupted_ = false;
  asio::steady_timer wait_;
};

std::string masked(Opcode opcode, std::string_view payload) {
  std::string out;
  websocket::append_frame(out, opcode, End::of_message, payload, websocket::Mask{});
  return out;
}

std::string plain(Opcode opcode, std::string_view payload) {
  std::string out;
  websocket::append_frame(out, opcode, End::of_message, payload, std::nullopt);
  return out;
}

// Accepts the handshake and then does what it is told to.
TlsServer::Serve accepting(std::function<void(TlsPeer&)> then) {
  return [then = std::move(then)](TlsPeer& peer) {
    const auto head = peer.read_head();
    constexpr std::string_view kName = "sec-websocket-key: ";
    const auto at = head.find(kName);
    if (at == std::string::npos) return;
    const auto begin = at + kName.size();
    const auto key = head.substr(begin, head.find("\r\n", begin) - begin);
    peer.write(
        "HTTP/1.1 101 S\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " +
        accept_of(key) + "\r\n\r\n");
    then(peer);
  };
}

struct Relayed {
  std::string opened;  // "101", or the reason of a refusal.
  std::string ended;   // "ok", or a reason.
  std::string caller_got;
  std::size_t most_held = 0, largest_write = 0;
};

struct Says {
  std::deque<std::string> frames{};
  std::size_t may_hold = std::numeric_limits<std::size_t>::max();
};

asio::awaitable<Relayed> relay(Broker& broker, Call call, Says says) {
  Relayed relayed;
  auto answer = co_await broker.invoke(std::move(call));
  if (!answer) {
    relayed.opened = answer.error().reason;
    co_return relayed;
  }
  relayed.opened = std::to_string((*answer)->status());
  auto* socket = (*answer)->socket();
  if (socket == nullptr) co_return relayed;
  const auto executor = co_await asio::this_coro::executor;
  Caller caller(executor, std::move(says.frames));
  caller.may_hold = says.may_hold;
  auto ended = co_await socket->run(caller);
  relayed.ended = ended ? "ok" : ended.error().reason;
  relayed.caller_got = caller.got;
  relayed.most_held = caller.most_held;
  relayed.largest_write = caller.largest_write;
  co_return relayed;
}

class SocketStage : public Stage {
 public:
  using Stage::Stage;
  Relayed run_socket(Says says = {}) {
    auto made = call();
    made.upgrade.emplace();
    return testing::run_async(loop, relay(broker, std::move(made), std::move(says)));
  }
};

std::string close_with(std::uint16_t code, std::string_view reason) {
  return plain(Opcode::close, websocket::close_payload({code, std::string(reason)}));
}

TEST(SocketRelay, PassesMessagesAndRecordsThem) {
  SocketStage stage(accepting([](TlsPeer& peer) {
    peer.write(plain(Opcode::text, "hello, sk-test-0001/+=ab"));
    peer.write(close_with(4000, "bye"));
    peer.drain();
  }));
  const auto relayed = stage.run_socket();
  EXPECT_EQ(relayed.opened, "101");
  EXPECT_EQ(relayed.ended, "ok");
  EXPECT_EQ(relayed.caller_got, plain(Opcode::text, "hello, [REDACTED]") + close_with(4000, "bye"));
  const auto events = stage.events();
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events.front().outcome + ' ' + events.front().method, "started WS");
  EXPECT_EQ(events.back().outcome, "ok");
  EXPECT_EQ(events.back().response_bytes, 17);
  EXPECT_NE(events.back().note.find("closed 4000 by the upstream"), std::string::npos);
}

TEST(SocketRelay, EndsWhatIsIdle) {
  auto options = Stage::default_options();
  options.socket_idle = std::chrono::milliseconds(50);
  SocketStage stage(
      accepting([](TlsPeer& peer) { peer.drain(); }), registry::HeaderAuth(), options);
  const auto relayed = stage.run_socket();
  EXPECT_EQ(relayed.ended, "timeout_idle");
  EXPECT_TRUE(relayed.caller_got.starts_with(
      plain(Opcode::close, websocket::close_payload({1001, ""})).substr(0, 1)));
  EXPECT_NE(relayed.caller_got.find("\x03\xE9"), std::string::npos);  // 1001.
  EXPECT_EQ(stage.records(), (std::vector<std::string>{"started", "error timeout_idle"}));
}

TEST(SocketRelay, EndsAtAMessageThatIsTooLarge) {
  auto options = Stage::default_options();
  options.limits.socket_message = 10;
  SocketStage stage(
      accepting([](TlsPeer& peer) { peer.drain(); }), registry::HeaderAuth(), options);
  const auto relayed = stage.run_socket(
      {{masked(Opcode::binary, "0123456789"), masked(Opcode::binary, "0123456789a")}});
  EXPECT_EQ(relayed.ended, "body_too_large");
  EXPECT_NE(relayed.caller_got.find("\x03\xF1"), std::string::npos);  // 1009.
}

// Says so much, in one message, that every buffer on the way grows as far as it may.
TlsServer::Serve saying_much(std::size_t size) {
  return accepting([size](TlsPeer& peer) {
    peer.write(plain(Opcode::binary, std::string(size, 'x')));
    peer.write(close_with(1000, ""));
    peer.drain();
  });
}

TEST(SocketRelay, HoldsLittleAndTellsHowMuch) {
  constexpr std::size_t kMuch = std::size_t{1} << 20U;
  SocketStage stage(saying_much(kMuch));
  const auto relayed = stage.run_socket();
  EXPECT_EQ(relayed.ended, "ok");
  EXPECT_GT(relayed.caller_got.size(), kMuch);
  EXPECT_GT(relayed.most_held, kQuietSocket);
  EXPECT_LE(relayed.most_held, std::size_t{64} << 10U);
}

TEST(SocketRelay, WorksInSmallPiecesWhenMemoryIsShort) {
  constexpr std::size_t kMuch = std::size_t{1} << 20U;
  SocketStage stage(saying_much(kMuch));
  const auto relayed = stage.run_socket({.may_hold = kQuietSocket});
  EXPECT_EQ(relayed.ended, "ok");
  EXPECT_GT(relayed.caller_got.size(), kMuch);
  EXPECT_EQ(relayed.most_held, kQuietSocket);
}

TEST(SocketRelay, EndsWhenThereIsNoMemoryForWhatCame) {
  SocketStage stage(accepting([](TlsPeer& peer) {
    peer.write(plain(Opcode::text, "hello"));
    peer.drain();
  }));
  const auto relayed = stage.run_socket({.may_hold = kQuietSocket - 1});
  EXPECT_EQ(relayed.ended, "concurrency_limit");
  EXPECT_EQ(relayed.caller_got, close_with(1013, "memory budget exhausted"));
  EXPECT_EQ(stage.records(), (std::vector<std::string>{"started", "error concurrency_limit"}));
}

TEST(SocketRelay, LetsOthersInBetweenManySmallMessages) {
  constexpr std::size_t kMany = 20'000;
  const auto one = plain(Opcode::text, "x");
  std::string all;
  for (std::size_t i = 0; i < kMany; ++i) all += one;
  SocketStage stage(accepting([&all](TlsPeer& peer) {
    peer.write(all);
    peer.write(close_with(1000, ""));
    peer.drain();
  }));
  const auto relayed = stage.run_socket();
  EXPECT_EQ(relayed.ended, "ok");
  EXPECT_EQ(relayed.caller_got, all + close_with(1000, ""));
  EXPECT_LE(relayed.largest_write, 64 * one.size());
}

TEST(SocketRelay, IsOneOfTheCallsInFlight) {
  auto options = Stage::default_options();
  options.limits.calls = 0;
  SocketStage stage(
      accepting([](TlsPeer& peer) { peer.drain(); }), registry::HeaderAuth(), options);
  EXPECT_EQ(stage.run_socket().opened, "concurrency_limit");
}

TEST(SocketRelay, GivesAPlainAnswerWhereTheUpstreamDoes) {
  SocketStage stage(always("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"));
  EXPECT_EQ(stage.run_socket().opened, "403");
}

}  // namespace
}  // namespace aivault::broker
