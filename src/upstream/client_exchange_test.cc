// Requests and answers on the wire: bodies, framing, limits of time, and what happens on loss.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

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

const testing::ServerIdentity& identity() {
  static const auto made = authority().issue({{"localhost"}, {"127.0.0.1"}});
  return made;
}

std::string pattern(std::uint64_t size) {
  std::string text(size, '\0');
  for (std::uint64_t i = 0; i < size; ++i) text[i] = testing::pattern_at(i);
  return text;
}

// A server, a client and the requests between them.
struct Pair {
  explicit Pair(TlsServer::Serve serve, Client::Options options = {})
      : server(identity(), std::move(serve)), caller(authority().pem(), std::move(options)) {}

  RequestWish get(std::string method = "GET") const {
    return {.authority = server.authority("localhost"), .method = std::move(method)};
  }
  RequestWish post(std::optional<std::uint64_t> size, std::string method = "POST") const {
    return {.authority = server.authority("localhost"),
            .method = std::move(method),
            .has_body = true,
            .body_size = size};
  }

  TlsServer server;
  UpstreamCaller caller;
};

// Answers each request with the same bytes; then ends the connection if told to.
TlsServer::Serve always(std::string bytes) {
  return [bytes = std::move(bytes)](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(bytes);
  };
}

TlsServer::Serve once(std::string bytes, void (TlsPeer::*then)()) {
  return [bytes = std::move(bytes), then](TlsPeer& peer) {
    peer.read_head();
    peer.write(bytes);
    (peer.*then)();
  };
}

TEST(Exchange, ReadsBodiesHoweverTheyAreFramed) {
  const std::string status = "HTTP/1.1 200 OK\r\n";
  const auto large = pattern(200'000);
  struct Case {
    const char* name;
    TlsServer::Serve serve;
    std::string reason;
    std::string body;
  };
  const std::vector<Case> cases{
      {"length", always(response("hello")), "ok", "hello"},
      {"large length", always(response(large)), "ok", large},
      {"empty", always(response("")), "ok", ""},
      {"chunked",
       always(status + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
       "ok",
       "hello"},
      {"chunked with trailers",
       always(status + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n"),
       "ok",
       "hello"},
      {"until close", once(status + "\r\nhello", &TlsPeer::end), "ok", "hello"},
      {"HTTP/1.0 until close", once("HTTP/1.0 200 OK\r\n\r\nhi", &TlsPeer::end), "ok", "hi"},
      {"204", always("HTTP/1.1 204 No Content\r\n\r\n"), "ok", ""},
      {"interim answers",
       always("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" +
              response("hello")),
       "ok",
       "hello"},
      {"until close, cut", once(status + "\r\nhello", &TlsPeer::cut), "connection_lost", "hello"},
      {"until close, reset", once(status + "\r\n", &TlsPeer::reset), "connection_lost", ""},
      {"short length",
       once(status + "content-length: 9\r\n\r\nhello", &TlsPeer::end),
       "connection_lost",
       "hello"},
      {"short chunks",
       once(status + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", &TlsPeer::end),
       "connection_lost",
       "hello"},
      {"broken chunk",
       always(status + "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
       "protocol",
       ""},
      {"no answer", once("", &TlsPeer::end), "connection_lost", ""},
      {"half a head", once("HTTP/1.1 200 OK\r\ncontent-", &TlsPeer::end), "connection_lost", ""},
      {"not HTTP", always("SSH-2.0-OpenSSH_9.2\r\n"), "protocol", ""},
      {"two lengths",
       always(status + "content-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
       "protocol",
       ""},
      {"endless head", always(status + "x-a: " + std::string(70'000, 'a')), "protocol", ""},
      {"an upgrade", always("HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"), "protocol", ""},
  };
  for (const auto& example : cases) {
    SCOPED_TRACE(example.name);
    Pair pair(example.serve);
    const auto outcome = pair.caller.call(pair.get());
    EXPECT_EQ(outcome.reason(), example.reason);
    EXPECT_TRUE(outcome.body == example.body) << outcome.body.substr(0, 100);
    if (outcome.error) {
      EXPECT_EQ(outcome.error->code, ErrorCode::upstream_unreachable);
      EXPECT_EQ(outcome.error->message.find("sk-test"), std::string::npos);
      EXPECT_EQ(outcome.error->message.find("/v1"), std::string::npos);
      EXPECT_EQ(pair.caller.client().idle_connections(), 0U);
    }
  }
}

TEST(Exchange, HeadAnswersHaveNoBody) {
  Pair pair(always("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"));
  for (int i = 0; i < 2; ++i) {
    const auto outcome = pair.caller.call(pair.get("HEAD"));
    EXPECT_EQ(outcome.reason(), "ok");
    EXPECT_EQ(outcome.head.content_length, 5U);
    EXPECT_FALSE(outcome.head.body_expected);
  }
  EXPECT_EQ(pair.server.handshakes(), 1);
}

void echo(TlsPeer& peer) {
  for (;;) {
    const auto head = peer.read_head();
    if (head.empty()) return;
    const auto length = head.find("content-length: ");
    const auto body = length == std::string::npos
                          ? peer.read_chunked()
                          : peer.read_exactly(std::stoul(head.substr(length + 16)));
    peer.write(response(body));
  }
}

TEST(Exchange, UploadsBodiesOfKnownAndUnknownSize) {
  Pair pair(echo);
  for (const std::uint64_t size : {0U, 1U, 4U, 1000U, 32768U, 32769U, 300'000U}) {
    for (const std::size_t piece : {1U, 1000U, 65536U}) {
      if (size / piece > 1000) continue;
      PatternBody known(size, PatternBody::After::end, piece);
      PatternBody chunked(size, PatternBody::After::end, piece);
      for (auto* body : {&known, &chunked}) {
        const auto wish = body == &known ? pair.post(size) : pair.post(std::nullopt);
        const auto outcome = pair.caller.call(wish, body);
        ASSERT_EQ(outcome.reason(), "ok") << size << " " << piece;
        EXPECT_EQ(outcome.request_bytes, size);
        EXPECT_TRUE(outcome.body == pattern(size)) << size << " " << piece;
      }
    }
  }
  EXPECT_EQ(pair.server.handshakes(), 1);
}

// Case 18.
TEST(Exchange, RefusesABodyOfAnotherLengthThanAnnounced) {
  std::atomic<bool> complete = false;
  Pair pair([&complete](TlsPeer& peer) {
    const auto head = peer.read_head();
    const auto size = std::stoul(head.substr(head.find("content-length: ") + 16));
    if (peer.read_exactly(size).size() == size) complete = true;
    peer.write(response("done"));
  });
  for (const std::uint64_t actual : {9U, 11U, 0U, 100'000U}) {
    PatternBody body(actual);
    const auto outcome = pair.caller.call(pair.post(10), &body);
    EXPECT_EQ(outcome.reason(), "body_length") << actual;
    EXPECT_EQ(outcome.error->code, ErrorCode::invalid_request);
  }
  EXPECT_EQ(pair.caller.call(pair.post(10)).reason(), "body_length");
  EXPECT_EQ(pair.caller.call(pair.post(std::nullopt)).reason(), "body_length");
  EXPECT_FALSE(complete);
}

TEST(Exchange, PassesOnWhatTheSourceSaysAndLeavesTheRequestIncomplete) {
  std::atomic<bool> ended = false;
  Pair pair([&ended](TlsPeer& peer) {
    peer.read_head();
    ended = peer.read_chunked().size() == 70'000 && peer.read_some().empty();
  });
  PatternBody body(70'000, PatternBody::After::error);
  const auto outcome = pair.caller.call(pair.post(std::nullopt), &body);
  EXPECT_EQ(outcome.reason(), "body_length");
  EXPECT_EQ(outcome.error->message, "the caller went away");
}

// Case 205.
TEST(Exchange, RelaysAnEarlyAnswerAndStopsTheUpload) {
  const std::string refusal = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";
  const auto answer_at_once = [refusal](TlsPeer& peer) {
    peer.read_head();
    peer.write(refusal);
    peer.drain();
  };
  struct Case {
    const char* name;
    PatternBody body;
    std::optional<std::uint64_t> size;
  };
  std::vector<Case> cases{
      {"a caller that stalls", PatternBody(100, PatternBody::After::silence), std::nullopt},
      {"a caller that stalls before the end", PatternBody(99, PatternBody::After::silence), 100},
      {"an endless body", PatternBody(std::uint64_t{1} << 40U), std::nullopt},
  };
  for (auto& example : cases) {
    SCOPED_TRACE(example.name);
    Pair pair(answer_at_once);
    const auto outcome = pair.caller.call(pair.post(example.size), &example.body);
    EXPECT_EQ(outcome.reason(), "ok");
    EXPECT_EQ(outcome.head.status, 413);
    EXPECT_EQ(outcome.body, "big");
    EXPECT_LT(outcome.took, 5s);
    EXPECT_EQ(pair.caller.client().idle_connections(), 0U);
  }
}

TEST(Exchange, RelaysAnAnswerOfAServerThatStoppedReading) {
  Pair pair([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig");
    peer.end();
  });
  PatternBody body(std::uint64_t{1} << 30U);
  const auto outcome = pair.caller.call(pair.post(std::uint64_t{1} << 30U), &body);
  // The reset of a server that closes with unread data may overtake its answer.
  if (outcome.error) {
    EXPECT_EQ(outcome.reason(), "connection_lost");
  } else {
    EXPECT_EQ(outcome.head.status, 413);
  }
}

TEST(Exchange, StreamsLargeBodiesBothWays) {
  constexpr std::uint64_t kSize = std::uint64_t{64} << 20U;
  Pair pair([](TlsPeer& peer) {
    peer.read_head();
    std::uint64_t seen = 0;
    bool same = true;
    while (seen < kSize) {
      const auto bytes = peer.read_some();
      if (bytes.empty()) return;
      same = same && bytes.front() == testing::pattern_at(seen) &&
             bytes.back() == testing::pattern_at(seen + bytes.size() - 1);
      seen += bytes.size();
    }
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(same ? kSize : 0) +
               "\r\n\r\n");
    const std::string piece(65536, 'z');
    for (std::uint64_t sent = 0; sent < kSize; sent += piece.size()) peer.write(piece);
  });
  PatternBody body(kSize);
  const auto outcome = pair.caller.call(pair.post(kSize), &body);
  EXPECT_EQ(outcome.reason(), "ok");
  EXPECT_EQ(outcome.request_bytes, kSize);
  EXPECT_EQ(outcome.body.size(), kSize);
}

TEST(Exchange, TakesNoMoreFromTheCallerThanTheServerReads) {
  std::atomic<bool> go = false;
  Pair pair([&go](TlsPeer& peer) {
    peer.read_head();
    while (!go) std::this_thread::sleep_for(1ms);
  });
  PatternBody body(std::uint64_t{1} << 30U);
  Timeouts timeouts;
  timeouts.total = 400ms;
  EXPECT_EQ(pair.caller.call(pair.post(std::nullopt), &body, timeouts).reason(), "timeout_total");
  go = true;
  // What was taken lies in the buffers of the two kernels' sockets.
  EXPECT_LT(body.taken(), std::uint64_t{24} << 20U);
}

TEST(Exchange, TakesNoMoreFromTheServerThanTheCallerReads) {
  std::atomic<std::uint64_t> written = 0;
  Pair pair([&written](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
    const std::string piece(65536, 'z');
    while (peer.write(piece)) written += piece.size();
  });
  {
    auto sent = testing::run_async(
        pair.caller.loop(),
        pair.caller.client().send(
            testing::signed_request(pair.get()), pair.caller.destination(), nullptr, Timeouts{}));
    ASSERT_TRUE(sent);
    pair.caller.run_for(300ms);
    EXPECT_LT(written, std::uint64_t{24} << 20U);
    EXPECT_FALSE((*sent)->head().headers.empty());
  }
  EXPECT_EQ(pair.caller.client().idle_connections(), 0U);
}

void stall(TlsPeer& peer) { peer.drain(); }

// Case 201.
TEST(Exchange, EndsAStalledCallAtItsTotalTimeout) {
  Pair pair(stall);
  Timeouts timeouts;
  timeouts.total = 50ms;
  const auto outcome = pair.caller.call(pair.get(), nullptr, timeouts);
  EXPECT_EQ(outcome.reason(), "timeout_total");
  EXPECT_LT(outcome.took, 20s);  // Nothing else would end it.
  EXPECT_GE(outcome.took, 50ms);
  PatternBody body(10, PatternBody::After::silence);
  const auto upload = pair.caller.call(pair.post(std::nullopt), &body, timeouts);
  EXPECT_EQ(upload.reason(), "timeout_total");
  EXPECT_LT(upload.took, 20s);
}

// Case 201.
TEST(Exchange, NamesTheLimitThatPassed) {
  Timeouts timeouts;
  timeouts.first_byte = 60ms;
  timeouts.idle = 100ms;
  Pair silent(stall);
  EXPECT_EQ(silent.caller.call(silent.get(), nullptr, timeouts).reason(), "timeout_first_byte");
  Pair stops([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
    peer.drain();
  });
  const auto stopped = stops.caller.call(stops.get(), nullptr, timeouts);
  EXPECT_EQ(stopped.reason(), "timeout_idle");
  EXPECT_EQ(stopped.body, "hello");
  PatternBody body(10, PatternBody::After::silence);
  const auto waiting = silent.caller.call(silent.post(std::nullopt), &body, timeouts);
  EXPECT_EQ(waiting.reason(), "timeout_idle");
  timeouts.total = 200ms;  // Replaces the limit for the first byte.
  EXPECT_EQ(silent.caller.call(silent.get(), nullptr, timeouts).reason(), "timeout_total");
}

TEST(Exchange, TakesALimitBeyondWhatTheClockCanTellAsNone) {
  Pair pair(always(response("hello")));
  Timeouts timeouts;
  timeouts.idle = std::chrono::milliseconds::max();
  for (const auto total :
       {std::chrono::milliseconds(std::int64_t{1} << 53), std::chrono::milliseconds::max()}) {
    timeouts.total = total;
    EXPECT_EQ(pair.caller.call(pair.get(), nullptr, timeouts).reason(), "ok");
  }
}

TEST(Exchange, DoesNotCountSlowBytesAsIdle) {
  Pair pair([](TlsPeer& peer) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    for (const char* c : {"h", "e", "l", "l", "o"}) {
      std::this_thread::sleep_for(60ms);
      peer.write(c);
    }
  });
  Timeouts timeouts;
  timeouts.idle = 150ms;
  const auto outcome = pair.caller.call(pair.get(), nullptr, timeouts);
  EXPECT_EQ(outcome.reason(), "ok");
  EXPECT_EQ(outcome.body, "hello");
}

TEST(Exchange, EndsAHandshakeThatNeverEndsAtTheConnectLimit) {
  // Accepts TCP through its backlog and never says a word.
  boost::asio::io_context unused;
  boost::asio::ip::tcp::acceptor mute(unused,
                                      {boost::asio::ip::address_v4::loopback(), std::uint16_t{0}});
  UpstreamCaller caller(authority().pem());
  Timeouts timeouts;
  timeouts.connect = 80ms;
  const auto outcome =
      caller.call({.authority = "localhost:" + std::to_string(mute.local_endpoint().port())},
                  nullptr,
                  timeouts);
  EXPECT_EQ(outcome.reason(), "timeout_connect");
  EXPECT_LT(outcome.took, 20s);  // Nothing else would end it.
}

boost::asio::awaitable<void> call_and_note(Client& client,
                                           auth::SignedRequest request,
                                           Destination destination,
                                           BodySource* body,
                                           std::string& noted) {
  const Timeouts timeouts;
  auto sent = co_await client.send(std::move(request), std::move(destination), body, timeouts);
  noted = sent ? "ok" : sent.error().reason;
}

TEST(Exchange, EndsTheCallAtOnceWhenItsCoroutineIsCancelled) {
  for (const bool with_body : {false, true}) {
    std::atomic<bool> gone = false;
    Pair pair([&gone](TlsPeer& peer) {
      peer.drain();
      gone = true;
    });
    PatternBody body(10, PatternBody::After::silence);
    boost::asio::cancellation_signal cancel;
    bool done = false;
    std::string noted;
    auto wish = with_body ? pair.post(std::nullopt) : pair.get();
    boost::asio::co_spawn(pair.caller.loop(),
                          call_and_note(pair.caller.client(),
                                        testing::signed_request(wish),
                                        pair.caller.destination(),
                                        with_body ? &body : nullptr,
                                        noted),
                          boost::asio::bind_cancellation_slot(
                              cancel.slot(), [&done](const std::exception_ptr&) { done = true; }));
    pair.caller.run_for(100ms);
    EXPECT_FALSE(done);
    cancel.emit(boost::asio::cancellation_type::terminal);
    for (int i = 0; i < 200 && !done; ++i) pair.caller.run_for(100ms);
    EXPECT_TRUE(done);
    for (int i = 0; i < 2000 && !gone; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(gone);
  }
}

TEST(Exchange, ClosesTheConnectionWhenItIsDestroyedOrCancelledBeforeTheEnd) {
  for (const bool cancelled : {false, true}) {
    std::atomic<bool> gone = false;
    Pair pair([&gone](TlsPeer& peer) {
      peer.read_head();
      peer.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
      peer.drain();
      gone = true;
    });
    auto sent = testing::run_async(
        pair.caller.loop(),
        pair.caller.client().send(
            testing::signed_request(pair.get()), pair.caller.destination(), nullptr, Timeouts{}));
    ASSERT_TRUE(sent);
    if (cancelled) {
      (*sent)->cancel();
      std::vector<std::byte> into(10);
      const auto got = testing::run_async(pair.caller.loop(), (*sent)->read(into));
      EXPECT_FALSE(got);
    } else {
      sent->reset();
    }
    for (int i = 0; i < 2000 && !gone; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(gone);
    EXPECT_EQ(pair.caller.client().idle_connections(), 0U);
  }
}

}  // namespace
}  // namespace aivault::upstream
