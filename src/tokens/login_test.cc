// The pure halves of a login: proof key, state, device flow.
#include <gtest/gtest.h>

#include "crypto/random.h"
#include "tokens/device_flow.h"
#include "tokens/login_requests.h"
#include "tokens/login_state.h"
#include "tokens/proof_key.h"

namespace aivault::tokens {
namespace {

using namespace std::chrono_literals;
using Time = LoginState::Time;

// Case 175: the value of RFC 7636, appendix B.
TEST(ProofKey, HasTheChallengeOfTheStandard) {
  EXPECT_EQ(challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

TEST(ProofKey, IsMadeOfAllItsRandomBytes) {
  std::array<std::byte, 32> bytes{};
  const auto first = make_proof_key(bytes);
  EXPECT_EQ(first.verifier.size(), 43U);
  EXPECT_TRUE(first.verifier == Secret::copy_of(std::string(43, 'A')));
  EXPECT_EQ(first.challenge, challenge_of(std::string(43, 'A')));
  bytes[31] = std::byte{1};
  EXPECT_NE(make_proof_key(bytes).challenge, first.challenge);
}

// Case 175: a wrong state changes nothing.
TEST(LoginState, IsTakenOnceAndOnlyAsItIs) {
  const Time start{};
  LoginState state(crypto::random_bytes(), start + 5min);
  const auto text = state.text();
  EXPECT_EQ(text.size(), 43U);
  auto other = text;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const auto& wrong : {std::string(), other, text.substr(1), text + "A", "x" + text}) {
    EXPECT_EQ(state.take(wrong, start), LoginState::Verdict::wrong) << wrong;
  }
  EXPECT_EQ(state.take(text, start + 5min - 1ms), LoginState::Verdict::right);
  EXPECT_EQ(state.take(text, start + 5min - 1ms), LoginState::Verdict::used);
  EXPECT_EQ(state.take(other, start), LoginState::Verdict::wrong);
}

TEST(LoginState, IsNotTakenAfterItsWindow) {
  const Time start{};
  LoginState state(crypto::random_bytes(), start + 5min);
  EXPECT_EQ(state.take(state.text(), start + 5min), LoginState::Verdict::late);
}

// Case 176: pending keeps the interval, slow_down adds five seconds.
TEST(DeviceFlow, AsksAgainAtTheIntervalAndLaterWhenToldTo) {
  const Time start{};
  DeviceFlow flow(5s, start, start + 10min);
  EXPECT_EQ(flow.next(), start + 5s);
  EXPECT_EQ(flow.take("authorization_pending", start + 5s), DeviceFlow::Verdict::ask_again);
  EXPECT_EQ(flow.next(), start + 10s);
  EXPECT_EQ(flow.take("slow_down", start + 10s), DeviceFlow::Verdict::ask_again);
  EXPECT_EQ(flow.next(), start + 20s);
  EXPECT_EQ(flow.take("authorization_pending", start + 20s), DeviceFlow::Verdict::ask_again);
  EXPECT_EQ(flow.next(), start + 30s);
  flow.take_silence(start + 30s);
  EXPECT_EQ(flow.next(), start + 50s);
}

TEST(DeviceFlow, GivesUpWhenItIsToldToOrTheTimeIsOver) {
  const Time start{};
  struct Row {
    const char* error;
    DeviceFlow::Verdict verdict;
  };
  for (const auto& row : {Row{"access_denied", DeviceFlow::Verdict::denied},
                          Row{"expired_token", DeviceFlow::Verdict::expired},
                          Row{"invalid_client", DeviceFlow::Verdict::failed},
                          Row{"", DeviceFlow::Verdict::failed}}) {
    DeviceFlow flow(5s, start, start + 10min);
    EXPECT_EQ(flow.take(row.error, start), row.verdict) << row.error;
  }
  DeviceFlow flow(5s, start, start + 12s);
  EXPECT_EQ(flow.take("authorization_pending", start + 5s), DeviceFlow::Verdict::ask_again);
  EXPECT_EQ(flow.take("authorization_pending", start + 10s), DeviceFlow::Verdict::expired);
}

TEST(DeviceFlow, KeepsItsIntervalWithinReason) {
  const Time start{};
  EXPECT_EQ(DeviceFlow(0s, start, start + 1h).interval(), 1s);
  EXPECT_EQ(DeviceFlow(-5s, start, start + 1h).interval(), 1s);
  DeviceFlow flow(10h, start, start + 2h);
  EXPECT_EQ(flow.interval(), 60s);
  EXPECT_EQ(flow.take("slow_down", start), DeviceFlow::Verdict::ask_again);
  EXPECT_EQ(flow.interval(), 60s);
}

TokenAnswer tokens_of(std::string_view access, std::string_view refresh) {
  TokenAnswer answer;
  answer.access = Secret::copy_of(access);
  answer.refresh = Secret::copy_of(refresh);
  return answer;
}

LoginClient client_of(std::string id, std::string_view secret) {
  LoginClient client;
  client.id = std::move(id);
  client.secret = Secret::copy_of(secret);
  return client;
}

// Case 175: what a login stores, beside what was there.
TEST(LoginDocument, KeepsOtherKeysTheirOrderAndSpelling) {
  const std::optional<Secret> old = Secret::copy_of(
      R"({"note":"mine","client_id":"c1","client_secret":"s1","refresh_token":"r0","n":1.50})");
  const auto stored =
      login_document(old, client_of("c1", "s1"), "", "", tokens_of("a1", "r1"), UnixMs{});
  ASSERT_TRUE(stored);
  EXPECT_TRUE(*stored == Secret::copy_of(R"({"note":"mine","client_id":"c1","client_secret":"s1",)"
                                         R"("refresh_token":"r1","n":1.50,"accessToken":"a1",)"
                                         R"("accessTokenExpiresAtMs":3600000,)"
                                         R"("accessTokenObtainedAtMs":0})"));
}

TEST(LoginDocument, IsMadeOfNothingToo) {
  const auto stored = login_document(std::nullopt,
                                     client_of("c", ""),
                                     "https://id.test/t",
                                     "dir-1",
                                     tokens_of("a", "r"),
                                     UnixMs{});
  ASSERT_TRUE(stored);
  EXPECT_TRUE(*stored == Secret::copy_of(R"({"clientId":"c","tokenEndpoint":"https://id.test/t",)"
                                         R"("tenantId":"dir-1",)"
                                         R"("accessToken":"a","accessTokenExpiresAtMs":3600000,)"
                                         R"("accessTokenObtainedAtMs":0,"refreshToken":"r"})"));
}

TEST(LoginDocument, GivesNoClientTheSecretOfAnother) {
  const std::optional<Secret> old = Secret::copy_of(R"({"clientId":"c1","clientSecret":"s1"})");
  const auto stored =
      login_document(old, client_of("c2", ""), "", "", tokens_of("a", "r"), UnixMs{});
  ASSERT_TRUE(stored);
  const auto client = client_in(*stored);
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id, "c2");
  EXPECT_TRUE(client->secret.empty());
}

TEST(LoginDocument, RefusesASecretThatIsNoObject) {
  EXPECT_FALSE(login_document(
      Secret::copy_of("plain"), client_of("c", ""), "", "", tokens_of("a", "r"), UnixMs{}));
}

TEST(DeviceAnswer, NeedsACodeAndAnAddressThatCanBeShown) {
  const auto read = [](std::string_view text) {
    return read_device_answer(Reply(200, 0, Secret::copy_of(text)));
  };
  const auto good =
      read(R"({"device_code":"d","user_code":"U-1","verification_uri":"https://x/y"})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->interval, 5s);
  EXPECT_EQ(good->user_code, "U-1");
  const auto google =
      read(R"({"device_code":"d","user_code":"U","verification_url":"https://x","interval":"7"})");
  ASSERT_TRUE(google);
  EXPECT_EQ(google->interval, 7s);
  for (const auto* text :
       {"[]",
        R"({"user_code":"U","verification_uri":"https://x"})",
        R"({"device_code":"d","verification_uri":"https://x"})",
        R"({"device_code":"d","user_code":"U"})",
        R"({"device_code":"d","user_code":"U","verification_uri":"http://x"})",
        R"({"device_code":"d","user_code":"U\u001b[2J","verification_uri":"https://x"})",
        R"({"device_code":"d","user_code":"U","verification_uri":"https://x\u0007"})"}) {
    EXPECT_FALSE(read(text)) << text;
  }
}

}  // namespace
}  // namespace aivault::tokens
