#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <set>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/encoding.h"
#include "base/text.h"
#include "broker/broker.h"
#include "testing/run_async.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"
#include "testing/vault_world.h"

namespace aivault::broker {
namespace {

using namespace std::chrono_literals;
using testing::kWorldSecret;
using testing::response;
using testing::TlsPeer;
using testing::TlsServer;
using testing::VaultWorld;

TlsServer::Serve always(std::string answer) {
  return [answer = std::move(answer)](TlsPeer& peer) {
    while (!peer.read_head().empty()) peer.write(answer);
  };
}

protocol::Envelope envelope(std::string method = "GET", std::string path = "/v1/x") {
  protocol::Envelope made;
  made.capability = "acme/things";
  made.method = std::move(method);
  made.path = std::move(path);
  return made;
}

struct Outcome {
  std::optional<Error> error;
  int status = 0;
  http::Headers headers;
  std::optional<std::uint64_t> length;
  std::string body;
  std::string reason() const { return error ? error->reason : "ok"; }
};

boost::asio::awaitable<Outcome> make_call(Broker& broker, Call call, std::size_t piece) {
  Outcome outcome;
  auto answer = co_await broker.invoke(std::move(call));
  if (!answer) {
    outcome.error = std::move(answer).error();
    co_return outcome;
  }
  outcome.status = (*answer)->status();
  outcome.headers = (*answer)->headers();
  outcome.length = (*answer)->content_length();
  std::vector<std::byte> into(piece);
  for (;;) {
    const std::span<std::byte> room(into);
    auto got = co_await (*answer)->read(room);
    if (!got) outcome.error = std::move(got).error();
    if (!got || *got == 0) co_return outcome;
    outcome.body += text_of(room.first(*got));
  }
}

testing::ServerIdentity localhost() {
  testing::CertificateRequest request;
  request.names = {"localhost"};
  return testing::world_authority().issue(request);
}

// A server, a vault that leads to it, and a broker.
class Stage {
 public:
  explicit Stage(TlsServer::Serve serve,
                 const registry::AuthSpec& auth = registry::HeaderAuth(),
                 Broker::Options options = default_options())
      : server_(localhost(), std::move(serve)),
        world(server_.authority("localhost"), auth),
        client_(make_client()),
        broker(loop.get_executor(), world.slot(), world.catalog(), *client_, std::move(options)) {}

  Call call(protocol::Envelope what = envelope()) {
    Call made;
    made.caller.uid = 1000;
    made.caller.is_operator = true;
    made.request_id = "request-" + std::to_string(++calls_);
    made.envelope = std::move(what);
    return made;
  }
  Outcome run(Call what, std::size_t piece = 16384) {
    return testing::run_async(loop, make_call(broker, std::move(what), piece));
  }
  Outcome run(protocol::Envelope what) { return run(call(std::move(what))); }

  // The records of calls as "outcome reason".
  std::vector<std::string> records() {
    std::vector<std::string> lines;
    for (const auto& event : events()) {
      lines.push_back(event.outcome + (event.reason.empty() ? "" : " " + event.reason));
    }
    return lines;
  }
  std::vector<audit::Event> events() {
    broker.settle();
    return world.calls();
  }
  int connections() const { return server_.accepted(); }

  static Broker::Options default_options() {
    Broker::Options options;
    options.version = "1.2.3";
    return options;
  }

 private:
  std::unique_ptr<upstream::Client> make_client() {
    upstream::Client::Options options;
    options.resolver.lookup = [](const std::string&) {
      return Result<std::vector<policy::IpAddress>>(std::vector{testing::loopback()});
    };
    auto made = upstream::Client::create(loop.get_executor(), std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }

  int calls_ = 0;

 public:
  boost::asio::io_context loop;

 private:
  TlsServer server_;

 public:
  VaultWorld world;

 private:
  std::unique_ptr<upstream::Client> client_;

 public:
  Broker broker;
};

// As with a full disk: no file of this process grows meanwhile.
class NoWriting {
 public:
  NoWriting() {
    ::signal(SIGXFSZ, SIG_IGN);
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

const std::string* find(const Outcome& outcome, std::string_view name) {
  return http::find(outcome.headers, name);
}

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
      std::snprintf(size.data(), size.size(), "%zx\r\n", part.size());
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

TEST(Invoke, LimitsTheCallsOfOneCaller) {
  std::atomic<bool> go = false;
  auto options = Stage::default_options();
  options.max_calls_per_uid = 1;
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
    EXPECT_EQ(std::ranges::count_if(outcomes, waited), stays ? 1 : 0);
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
  EXPECT_LT(std::chrono::steady_clock::now() - began, 500ms);
}

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
