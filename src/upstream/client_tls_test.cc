// TLS, name resolution and addresses: what must hold before the first byte of a request leaves.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "testing/certificates.h"
#include "testing/tls_server.h"
#include "testing/upstream_call.h"

namespace aivault::upstream {
namespace {

using testing::CertificateAuthority;
using testing::CertificateRequest;
using testing::response;
using testing::TlsPeer;
using testing::TlsServer;
using testing::UpstreamCaller;

const CertificateAuthority& authority() {
  static const CertificateAuthority made;
  return made;
}

CertificateRequest for_localhost() { return {{"localhost"}, {"127.0.0.1"}, -3600, 24 * 3600}; }

void answer_ok(TlsPeer& peer) {
  while (!peer.read_head().empty()) peer.write(response("ok"));
}

TEST(ClientTls, CallsAVerifiedServer) {
  TlsServer server(authority().issue(for_localhost()), [](TlsPeer& peer) {
    const auto head = peer.read_head();
    peer.write(response(head + peer.server_name() + " " + peer.protocol()));
  });
  UpstreamCaller caller(authority().pem());
  const auto outcome = caller.call({.authority = server.authority("localhost")});
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(outcome.head.status, 200);
  EXPECT_TRUE(outcome.body.starts_with("GET /v1/things HTTP/1.1\r\n")) << outcome.body;
  EXPECT_NE(outcome.body.find("authorization: Bearer sk-test-0001\r\n"), std::string::npos);
  EXPECT_TRUE(outcome.body.ends_with("\r\n\r\nlocalhost http/1.1")) << outcome.body;
}

TEST(ClientTls, VerifiesAddressLiteralsAndSendsNoServerNameForThem) {
  TlsServer server(authority().issue(for_localhost()), [](TlsPeer& peer) {
    peer.read_head();
    peer.write(response("name=" + peer.server_name()));
  });
  UpstreamCaller caller(authority().pem());
  const auto outcome = caller.call({.authority = server.authority("127.0.0.1")});
  ASSERT_FALSE(outcome.error) << outcome.error->message;
  EXPECT_EQ(outcome.body, "name=");
  EXPECT_EQ(caller.lookups(), 0);
}

// Case 125.
TEST(ClientTls, RefusesBadCertificatesBeforeAnyRequestByte) {
  struct Case {
    const char* name;
    testing::ServerIdentity identity;
    std::string host;
  };
  auto expired = for_localhost();
  expired.valid_from_s = -7200;
  expired.valid_to_s = -3600;
  auto future = for_localhost();
  future.valid_from_s = 3600;
  const CertificateRequest other_name{{"example.com"}, {}, -3600, 3600};
  const CertificateRequest partial{{"loc*"}, {}, -3600, 3600};
  const CertificateRequest name_only{{"localhost"}, {}, -3600, 3600};
  const CertificateRequest without_names{{}, {}, -3600, 3600};
  const CertificateAuthority stranger;
  const std::vector<Case> cases{
      {"self-signed", testing::self_signed(for_localhost()), "localhost"},
      {"expired", authority().issue(expired), "localhost"},
      {"not yet valid", authority().issue(future), "localhost"},
      {"wrong name", authority().issue(other_name), "localhost"},
      {"partial wildcard", authority().issue(partial), "localhost"},
      {"address not named", authority().issue(name_only), "127.0.0.1"},
      {"no name at all", authority().issue(without_names), "localhost"},
      {"another CA", stranger.issue(for_localhost()), "localhost"},
  };
  for (const auto& example : cases) {
    SCOPED_TRACE(example.name);
    std::atomic<int> bytes = 0;
    TlsServer server(example.identity, [&bytes](TlsPeer& peer) {
      bytes += static_cast<int>(peer.read_some().size());
    });
    UpstreamCaller caller(authority().pem());
    const auto outcome = caller.call({.authority = server.authority(example.host)});
    EXPECT_EQ(outcome.reason(), "tls");
    EXPECT_EQ(outcome.error->code, ErrorCode::upstream_unreachable);
    EXPECT_EQ(outcome.error->message.find("sk-test"), std::string::npos);
    EXPECT_EQ(outcome.error->message.find("/v1"), std::string::npos);
    EXPECT_EQ(bytes, 0);
    EXPECT_EQ(caller.client().idle_connections(), 0U);
  }
}

// Case 124.
TEST(ClientTls, TrustsAnExtraCaForItsDestinationOnly) {
  TlsServer server(authority().issue(for_localhost()), answer_ok);
  UpstreamCaller with(authority().pem());
  EXPECT_EQ(with.call({.authority = server.authority("localhost")}).reason(), "ok");
  UpstreamCaller without("");
  EXPECT_EQ(without.call({.authority = server.authority("localhost")}).reason(), "tls");
  UpstreamCaller broken("not a certificate");
  EXPECT_EQ(broken.call({.authority = server.authority("localhost")}).reason(), "tls");
}

TEST(ClientTls, AcceptsASelfSignedServerThatTheOperatorNamed) {
  const auto identity = testing::self_signed(for_localhost());
  TlsServer server(identity, answer_ok);
  UpstreamCaller caller(identity.certificate_pem);
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ok");
}

TEST(ClientTls, RefusesAServerThatOffersOnlyAnOldProtocol) {
  TlsServer server(authority().issue(for_localhost()), answer_ok, TLS1_1_VERSION);
  UpstreamCaller caller(authority().pem());
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "tls");
}

TEST(ClientTls, SpeaksTls12) {
  TlsServer server(authority().issue(for_localhost()), answer_ok, TLS1_2_VERSION);
  UpstreamCaller caller(authority().pem());
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ok");
}

policy::IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  policy::IpAddress address{};
  address.bytes = {a, b, c, d};
  return address;
}

Client::Options answering(std::vector<policy::IpAddress> addresses, int* lookups = nullptr) {
  Client::Options options;
  options.resolver.lookup = [addresses, lookups](const std::string&) {
    if (lookups != nullptr) ++*lookups;
    return Result<std::vector<policy::IpAddress>>(addresses);
  };
  return options;
}

// Case 116.
TEST(ClientAddresses, RefusesANameWithOneBlockedAnswerAndContactsNobody) {
  TlsServer server(authority().issue(for_localhost()), answer_ok);
  const std::vector<std::vector<policy::IpAddress>> answers{
      {testing::loopback()},
      {v4(93, 184, 216, 34), testing::loopback()},
      {testing::loopback(), v4(93, 184, 216, 34)},
  };
  for (const auto& answer : answers) {
    UpstreamCaller caller(authority().pem(), answering(answer));
    const auto outcome = caller.call({.authority = server.authority("api.example.com"),
                                      .addresses = policy::AddressPolicy::public_only});
    EXPECT_EQ(outcome.reason(), "ssrf_blocked");
    EXPECT_EQ(outcome.error->code, ErrorCode::policy_violation);
    EXPECT_NE(outcome.error->message.find("upstream host blocked by SSRF guard"),
              std::string::npos);
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST(ClientAddresses, NeverLiftsTheMetadataAddresses) {
  UpstreamCaller caller("", answering({v4(169, 254, 169, 254)}));
  EXPECT_EQ(caller.call({.authority = "api.example.com"}).reason(), "ssrf_blocked");
}

// Case 127.
TEST(ClientAddresses, NeverConnectsToAListenerOfOurOwn) {
  TlsServer server(authority().issue(for_localhost()), answer_ok);
  Client::Options options;
  options.resolver.is_own_listener = [&server](const policy::IpAddress& address,
                                               std::uint16_t port) {
    return address.bytes[0] == 127 && port == server.port();
  };
  UpstreamCaller caller(authority().pem(), std::move(options));
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ssrf_blocked");
  EXPECT_EQ(server.accepted(), 0);
}

TEST(ClientAddresses, SaysDnsWhenThereIsNoAnswer) {
  UpstreamCaller caller("", answering({}));
  EXPECT_EQ(caller.call({.authority = "nobody.example.com"}).reason(), "dns");
}

TEST(ClientAddresses, SaysConnectWhenNobodyListens) {
  std::uint16_t free_port = 0;
  {
    const TlsServer gone(authority().issue(for_localhost()), answer_ok);
    free_port = gone.port();
  }
  UpstreamCaller caller(authority().pem());
  const auto outcome = caller.call({.authority = "localhost:" + std::to_string(free_port)});
  EXPECT_EQ(outcome.reason(), "connect");
  EXPECT_EQ(outcome.error->message.find("sk-test"), std::string::npos);
}

TEST(ClientAddresses, TriesTheNextAddressWhenOneRefuses) {
  TlsServer server(authority().issue(for_localhost()), answer_ok);
  UpstreamCaller caller(authority().pem(), answering({v4(127, 0, 0, 2), testing::loopback()}));
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ok");
}

// Case 117.
TEST(ClientAddresses, StaysWithTheCheckedAddressOfAPooledConnection) {
  TlsServer server(authority().issue(for_localhost()), answer_ok);
  int lookups = 0;
  Client::Options options;
  options.resolver.lookup = [&lookups](const std::string&) {
    const auto answer = lookups++ == 0 ? testing::loopback() : v4(169, 254, 169, 254);
    return Result<std::vector<policy::IpAddress>>(std::vector{answer});
  };
  UpstreamCaller caller(authority().pem(), std::move(options));
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ok");
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ok");
  EXPECT_EQ(lookups, 1);
  caller.client().close_idle();
  EXPECT_EQ(caller.call({.authority = server.authority("localhost")}).reason(), "ssrf_blocked");
}

#ifdef AIVAULT_DEV_OVERRIDES
TEST(DevOverrides, ResolveIsExemptFromTheAddressCheckAndBringsItsPort) {
  TlsServer server(authority().issue({{"api.openai.com"}, {}, -3600, 3600}), answer_ok);
  Client::Options options;
  auto entries = parse_dev_resolve("api.openai.com=127.0.0.1:" + std::to_string(server.port()));
  ASSERT_TRUE(entries);
  options.resolver.dev_addresses = *entries;
  options.dev_ca_pem = authority().pem();
  UpstreamCaller caller("", std::move(options));
  const auto outcome =
      caller.call({.authority = "api.openai.com", .addresses = policy::AddressPolicy::public_only});
  EXPECT_EQ(outcome.reason(), "ok");
  EXPECT_EQ(caller.lookups(), 0);
}
#endif

}  // namespace
}  // namespace aivault::upstream
