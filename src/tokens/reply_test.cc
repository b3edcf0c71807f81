#include "tokens/reply.h"

#include <gtest/gtest.h>

#include "base/reveal.h"
#include "tokens/failure.h"

namespace aivault::tokens {
namespace {

Reply reply(std::string_view body, int status = 200, int retry_after = 0) {
  return {status, retry_after, Secret::copy_of(body)};
}

std::shared_ptr<const policy::ScrubForms> forms_of(std::string_view secret) {
  std::vector<Secret> values;
  values.push_back(Secret::copy_of(secret));
  return policy::ScrubForms::of(values);
}

// Case 170.
TEST(Reply, GivesTokensWithALifetime) {
  const struct {
    const char* body;
    std::int64_t lifetime;
  } table[] = {
      {R"({"access_token":"a"})", 3600},
      {R"({"access_token":"a","expires_in":"3600"})", 3600},
      {R"({"access_token":"a","expires_in":60})", 60},
      {R"({"access_token":"a","expires_in":null})", 3600},
      {R"({"access_token":"a","expires_in":0})", 0},
      {R"({"access_token":"a","expires_in":-5})", 0},
      {R"({"access_token":"a","expires_in":"soon"})", 0},
  };
  for (const auto& row : table) {
    const auto answer = read_token_answer(reply(row.body), kUsualLifetime);
    ASSERT_TRUE(answer) << row.body;
    EXPECT_EQ(answer->lifetime_s, row.lifetime) << row.body;
    EXPECT_EQ(answer->access.text(Reveal()), "a");
    EXPECT_TRUE(answer->refresh.empty());
  }
}

TEST(Reply, TakesTheLifetimeOfTheEndpointWhereTheAnswerNamesNone) {
  EXPECT_EQ(read_token_answer(reply(R"({"access_token":"a"})"), 600)->lifetime_s, 600);
  EXPECT_EQ(read_token_answer(reply(R"({"access_token":"a","expires_in":60})"), 600)->lifetime_s,
            60);
}

TEST(Reply, GivesTheNewRefreshToken) {
  const auto answer =
      read_token_answer(reply(R"({"access_token":"a","refresh_token":"r2"})"), kUsualLifetime);
  EXPECT_EQ(answer->refresh.text(Reveal()), "r2");
}

// Case 170.
TEST(Reply, RefusesWhatHoldsNoToken) {
  const struct {
    const char *body, *marker;
  } table[] = {
      {R"({"token":"a"})", "missing access_token"},
      {R"({"access_token":7})", "missing access_token"},
      {R"({"access_token":" "})", "missing access_token"},
      {"<html>", "must be JSON"},
      {"[]", "must be JSON"},
      {"", "must be JSON"},
      {R"({"access_token":"a","access_token":"b"})", "must be JSON"},
  };
  for (const auto& row : table) {
    const auto answer = read_token_answer(reply(row.body), kUsualLifetime);
    ASSERT_FALSE(answer) << row.body;
    EXPECT_EQ(answer.error().reason, "oauth_response");
    EXPECT_NE(answer.error().message.find(row.marker), std::string::npos);
  }
}

TEST(Failure, NamesTheCause) {
  const struct {
    int status;
    const char* body;
    Cause cause;
    const char* reason;
  } table[] = {
      {400, R"({"error":"invalid_grant"})", Cause::login, "oauth_invalid_grant"},
      {401, R"({"error":"invalid_client"})", Cause::refused, "oauth_client"},
      {400, R"({"error":"unauthorized_client"})", Cause::refused, "oauth_client"},
      {400, R"({"error":"invalid_scope"})", Cause::refused, "oauth_response"},
      {404, "<html>", Cause::refused, "oauth_response"},
      {302, "", Cause::refused, "oauth_response"},
      {429, R"({"error":"invalid_grant"})", Cause::transient, "token_endpoint"},
      {503, "", Cause::transient, "token_endpoint"},
  };
  for (const auto& row : table) {
    const auto failure = failure_of(reply(row.body, row.status), forms_of("sk-secret-1"));
    EXPECT_EQ(failure.cause, row.cause) << row.status << row.body;
    EXPECT_EQ(failure.error.reason, row.reason);
    EXPECT_NE(
        failure.error.message.find("oauth2 token endpoint returned " + std::to_string(row.status)),
        std::string::npos);
  }
}

// Case 169.
TEST(Failure, ShowsNoSecretAndLittleElse) {
  const auto shown = failure_of(
      reply(R"({"error":"invalid_grant","error_description":"no refresh-token-77 here","x":"y"})",
            400),
      forms_of("refresh-token-77"));
  EXPECT_EQ(shown.error.message,
            "oauth2 token endpoint returned 400 (invalid_grant): no [REDACTED] here");
  const auto odd = failure_of(reply(R"({"error":"a b"})", 400), forms_of("refresh-token-77"));
  EXPECT_EQ(odd.error.message, "oauth2 token endpoint returned 400");
  const auto longer = failure_of(
      reply(R"({"error_description":")" + std::string(1000, 'd') + "\"}", 400), forms_of("unused"));
  EXPECT_LT(longer.error.message.size(), 300U);
}

TEST(Failure, BacksOffLongerEachTime) {
  const int expected[] = {1, 2, 4, 8, 16, 32, 60, 60};
  for (unsigned i = 0; i < 8; ++i) EXPECT_EQ(back_off(i + 1, 0).count(), expected[i]);
  EXPECT_EQ(back_off(1, 30).count(), 30);
  EXPECT_EQ(back_off(1, 100'000).count(), 600);
}

}  // namespace
}  // namespace aivault::tokens
