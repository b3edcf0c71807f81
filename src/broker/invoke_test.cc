#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include "base/encoding.h"
#include "broker/call_stage_test.h"
#include "testing/upstream_call.h"

namespace aivault::broker {
namespace {

using namespace std::chrono_literals;
using testing::kWorldSecret;
using testing::response;

TEST(Invoke, SendsTheSecretAndShowsOnlyWhatACallerMaySee) {
  std::string seen;
  Stage stage([&seen](TlsPeer& peer) {
    seen = peer.read_head();
    peer.write(response("hello",
                        "x-trace: 7\r\nset-cookie: a=b\r\nx-aivault-error: no\r\n"
                        "x-echo: Bearer " +
                            std::string(kWorldSecret) + "\r\n"));
  });
  const auto outcome = stage.run(envelope("GET", "/v1/x?q=1"));
  ASSERT_EQ(outcome.reason(), "ok") << outcome.error->message;
  EXPECT_NE(seen.find("authorization: Bearer " + std::string(kWorldSecret)), std::string::npos);
  EXPECT_NE(seen.find("GET /v1/x?q=1 HTTP/1.1\r\n"), std::string::npos);
  EXPECT_NE(seen.find("user-agent: aivault/1.2.3\r\n"), std::string::npos);
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(outcome.length, 5U);
  EXPECT_EQ(*find(outcome, "x-trace"), "7");
  EXPECT_EQ(*find(outcome, "x-echo"), "Bearer [REDACTED]");
  EXPECT_EQ(find(outcome, "set-cookie"), nullptr);
  EXPECT_EQ(find(outcome, "x-aivault-error"), nullptr);
  EXPECT_EQ(*find(outcome, "x-aivault-capability"), "acme/things");
  EXPECT_EQ(*find(outcome, "x-aivault-credential"), "acme");
  EXPECT_EQ(*find(outcome, "x-aivault-method"), "GET");
  EXPECT_TRUE(find(outcome, "x-aivault-url")->ends_with("/v1/x?q=1"));
  EXPECT_EQ(stage.records(), (std::vector<std::string>{"started", "ok"}));
  EXPECT_EQ(stage.broker.finished(), 1U);
  EXPECT_EQ(stage.broker.running(), 0U);
}

// Case 226.
TEST(Invoke, RecordsWhoCalledWhat) {
  Stage stage(always(response("hello")));
  protocol::Envelope what = envelope("POST", "/v1/x?q=hidden");
  what.body = std::string("1234");
  auto call = stage.call(what);
  call.caller.pid = 42;
  call.caller.user = "op";
  call.caller.exe = "/usr/bin/x";
  ASSERT_EQ(stage.run(std::move(call)).reason(), "ok");
  const auto events = stage.events();
  ASSERT_EQ(events.size(), 2U);
  for (const auto& event : events) {
    EXPECT_EQ(event.actor, "operator");
    EXPECT_EQ(event.uid, 1000);
    EXPECT_EQ(event.pid, 42);
    EXPECT_EQ(event.user, "op");
    EXPECT_EQ(event.exe, "/usr/bin/x");
    EXPECT_EQ(event.capability, "acme/things");
    EXPECT_EQ(event.credential, "acme");
    EXPECT_EQ(event.method, "POST");
    EXPECT_EQ(event.path, "/v1/x");
    EXPECT_TRUE(event.host.starts_with("localhost:"));
    EXPECT_EQ(event.request_id, "request-1");
    EXPECT_EQ(event.secret_id.size(), 36U);
  }
  EXPECT_EQ(events[1].status, 200);
  EXPECT_EQ(events[1].request_bytes, 4);
  EXPECT_EQ(events[1].response_bytes, 5);
}

// Every way in which the server may send the secret back, cut into chunks of every size.
TEST(Invoke, NeverShowsTheSecretHoweverItIsSentBack) {
  const std::string raw(kWorldSecret);
  std::string json;
  for (const char c : raw) json += c == '/' ? "\\/" : std::string(1, c);
  const std::vector<std::string> spellings = {raw,
                                              base64(bytes_of(raw)),
                                              base64(bytes_of(raw), Base64::url_unpadded),
                                              base64(bytes_of("x:" + raw)),
                                              hex(bytes_of(raw)),
                                              percent_encode(raw),
                                              json};
  for (const std::size_t piece : {1U, 7U, 1000U}) {
    std::string chunks;
    std::string whole;
    for (const auto& spelling : spellings) whole += "<" + spelling + ">\n";
    whole += std::string(3000, '-') + raw + std::string(3000, '-');
    for (std::size_t at = 0; at < whole.size(); at += piece) {
      const auto part = whole.substr(at, piece);
      std::array<char, 16> size{};
      (void)std::snprintf(size.data(), size.size(), "%zx\r\n", part.size());
      chunks += size.data() + part + "\r\n";
    }
    Stage stage(
        always("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + "0\r\n\r\n"));
    for (const std::size_t read : {1U, 100U, 65536U}) {
      const auto outcome = stage.run(stage.call(), read);
      ASSERT_EQ(outcome.reason(), "ok");
      EXPECT_FALSE(outcome.length);
      for (const auto& spelling : spellings) {
        if (spelling == base64(bytes_of("x:" + raw))) continue;  // Only its inner part is needed.
        EXPECT_EQ(outcome.body.find(spelling), std::string::npos) << spelling;
      }
      EXPECT_EQ(outcome.body.find(base64(bytes_of("x:" + raw)).substr(8, 12)), std::string::npos);
      EXPECT_TRUE(outcome.body.starts_with("<[REDACTED]>\n<[REDACTED]>\n"));
      EXPECT_TRUE(
          outcome.body.ends_with(std::string(3000, '-') + "[REDACTED]" + std::string(3000, '-')));
    }
  }
}

TEST(Invoke, DropsHeadersWhoseNamesHoldTheSecret) {
  constexpr std::string_view kValue = "sk-Live_0123456789abcdeF";
  const auto lower = to_lower(kValue);
  std::string percent;
  for (const char c : kValue) percent += "%" + hex(bytes_of(std::string_view(&c, 1)));
  std::string headers = "x-before: 1\r\n";
  for (const auto& name : {std::string(kValue),
                           "x-" + std::string(kValue),
                           lower,
                           "X-" + to_upper(kValue) + "-y",
                           base64(bytes_of(kValue), Base64::url_unpadded),
                           hex(bytes_of(kValue)),
                           percent}) {
    headers += name + ": hidden\r\n";
  }
  Stage stage(always("HTTP/1.1 200 " + std::string(kValue) + "\r\n" + headers +
                     "x-after: 2\r\ncontent-length: 0\r\n\r\n"));
  stage.world.set_secret(kValue);
  const auto outcome = stage.run(envelope());
  ASSERT_EQ(outcome.reason(), "ok");
  EXPECT_NE(find(outcome, "x-before"), nullptr);
  EXPECT_NE(find(outcome, "x-after"), nullptr);
  for (const auto& header : outcome.headers) EXPECT_NE(header.value, "hidden") << header.name;
}

TEST(Invoke, RecomputesTheLengthOfASmallScrubbedBody) {
  Stage stage(always(response("key=" + std::string(kWorldSecret) + ".")));
  const auto outcome = stage.run(envelope());
  EXPECT_EQ(outcome.body, "key=[REDACTED].");
  EXPECT_EQ(outcome.length, outcome.body.size());
}

TEST(Invoke, KeepsTheLengthOfAnAnswerToHead) {
  Stage stage(always("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"));
  const auto outcome = stage.run(envelope("HEAD"));
  EXPECT_EQ(outcome.reason(), "ok");
  EXPECT_EQ(outcome.length, 1234U);
  EXPECT_EQ(outcome.body, "");
}

TEST(Invoke, StreamsLargeBodiesUnchanged) {
  std::string large;
  for (int i = 0; large.size() < 1'000'000; ++i) large += std::to_string(i) + " ";
  Stage stage(always(response(large)));
  const auto outcome = stage.run(envelope());
  EXPECT_FALSE(outcome.length);
  EXPECT_TRUE(outcome.body == large);
}

TEST(Invoke, UploadsWhatTheEnvelopeAnnounces) {
  std::mutex mutex;
  std::string seen;
  std::string seen_head;
  Stage stage([&](TlsPeer& peer) {
    for (;;) {
      auto head = peer.read_head();
      if (head.empty()) return;
      const auto length = head.find("content-length: ");
      auto body = length == std::string::npos
                      ? peer.read_chunked()
                      : peer.read_exactly(std::stoul(head.substr(length + 16)));
      {
        const std::lock_guard lock(mutex);
        seen = std::move(body);
        seen_head = std::move(head);
      }
      peer.write(response("done"));
    }
  });
  const auto sent = [&] {
    const std::lock_guard lock(mutex);
    return seen;
  };
  for (const bool known : {true, false}) {
    testing::PatternBody announced(100'000);
    auto call = stage.call(envelope("POST"));
    call.envelope.body =
        known ? protocol::StreamBody{std::uint64_t{100'000}} : protocol::StreamBody{};
    call.announced = &announced;
    ASSERT_EQ(stage.run(std::move(call)).reason(), "ok");
    EXPECT_EQ(sent().size(), 100'000U);
  }
  testing::PatternBody file(7);
  auto form = stage.call(envelope("POST"));
  protocol::Multipart parts;
  parts.fields = {{"purpose", "batch"}};
  parts.files.push_back({"file", "b.jsonl", "", std::nullopt, 7});
  form.envelope.body = parts;
  form.announced = &file;
  ASSERT_EQ(stage.run(std::move(form)).reason(), "ok");
  EXPECT_NE(sent().find("\r\n\r\nabcdefg\r\n--aivault-"), std::string::npos);
  {
    const std::lock_guard lock(mutex);
    EXPECT_NE(seen_head.find("content-type: multipart/form-data; boundary=aivault-"),
              std::string::npos);
  }
  for (const std::uint64_t actual : {9U, 11U}) {
    testing::PatternBody wrong(actual);
    auto call = stage.call(envelope("POST"));
    call.envelope.body = protocol::StreamBody{10};
    call.announced = &wrong;
    EXPECT_EQ(stage.run(std::move(call)).reason(), "body_length");
  }
  testing::PatternBody surplus(1);
  auto call = stage.call();
  call.announced = &surplus;
  EXPECT_EQ(stage.run(std::move(call)).reason(), "body_length");
}

boost::asio::awaitable<void> call_in_turn(Stage& stage, int& next, int count, int& failed) {
  while (next < count) {
    auto call = stage.call(envelope("GET", "/v1/" + std::to_string(next++)));
    const auto outcome = co_await make_call(stage.broker, std::move(call), 4096);
    if (outcome.reason() != "ok") ++failed;
  }
}

TEST(Invoke, ThousandCallsSixtyFourAtATimeAreSeenOnceEach) {
  std::mutex mutex;
  std::multiset<std::string> seen;
  Stage stage([&](TlsPeer& peer) {
    for (;;) {
      const auto head = peer.read_head();
      if (head.empty()) return;
      {
        const std::lock_guard lock(mutex);
        seen.insert(head.substr(0, head.find('\r')));
      }
      peer.write(response("hello"));
    }
  });
  constexpr int kCalls = 1000;
  int next = 0;
  int failed = 0;
  int running = 64;
  for (int i = 0; i < 64; ++i) {
    boost::asio::co_spawn(stage.loop,
                          call_in_turn(stage, next, kCalls, failed),
                          [&running](const std::exception_ptr& why) {
                            EXPECT_FALSE(why);
                            --running;
                          });
  }
  while (running > 0) stage.loop.run_one();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(seen.size(), std::size_t{kCalls});
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), std::size_t{kCalls});
  EXPECT_EQ(stage.world.started_calls(), kCalls);
  EXPECT_EQ(stage.events().size(), std::size_t{2} * kCalls);
  EXPECT_LE(stage.connections(), 64);
}

TEST(Invoke, ShowsNoSecretOfAQueryCredential) {
  std::string seen;
  Stage stage(
      [&seen](TlsPeer& peer) {
        seen = peer.read_head();
        peer.write(response("hi", "location: /v1/y?key=abc&b=1\r\n"));
      },
      registry::QueryAuth{"key"});
  const auto outcome = stage.run(envelope());
  ASSERT_EQ(outcome.reason(), "ok");
  EXPECT_NE(seen.find("key=" + percent_encode(kWorldSecret)), std::string::npos);
  EXPECT_TRUE(find(outcome, "x-aivault-url")->ends_with("/v1/x?key=REDACTED"));
  EXPECT_EQ(*find(outcome, "location"), "/v1/y?key=REDACTED&b=1");
}

}  // namespace
}  // namespace aivault::broker
