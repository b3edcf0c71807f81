// The pure halves of a login: proof key, state, device flow.
#include <gtest/gtest.h>

#include "crypto/random.h"
#include "tokens/device_flow.h"
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

}  // namespace
}  // namespace aivault::tokens
