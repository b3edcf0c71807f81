#include "tokens/oauth_secret.h"

#include <gtest/gtest.h>

#include "base/reveal.h"

namespace aivault::tokens {
namespace {

OAuthSecret parsed(std::string_view text) { return *OAuthSecret::parse(Secret::copy_of(text)); }

NewTokens new_tokens(std::string_view refresh = "") {
  NewTokens tokens;
  tokens.access = Secret::copy_of("at-\"2");
  tokens.refresh = Secret::copy_of(refresh);
  tokens.obtained = from_int(1'700'000'000'000);
  tokens.expires = from_int(1'700'003'600'000);
  return tokens;
}

std::string rewritten(std::string_view text, std::string_view refresh = "") {
  const auto result = parsed(text).with(new_tokens(refresh));
  return std::string(result.text(Reveal()));
}

TEST(OAuthSecret, ReadsEitherSpelling) {
  for (const char* text : {R"({"clientId":" c ","clientSecret":"s","refreshToken":"r"})",
                           R"({"client_id":"c","client_secret":"s","refresh_token":"r"})"}) {
    const auto secret = parsed(text);
    EXPECT_EQ(secret.client_id(), "c");
    EXPECT_EQ(secret.client_secret(), "s");
    EXPECT_EQ(secret.refresh_token(), "r");
    EXPECT_FALSE(secret.access_token());
  }
}

TEST(OAuthSecret, TakesBlankAndNullForAbsent) {
  const auto secret = parsed(R"({"clientId":null,"client_id":"c","clientSecret":"  "})");
  EXPECT_EQ(secret.client_id(), "c");
  EXPECT_FALSE(secret.client_secret());
}

TEST(OAuthSecret, ReadsEveryFormOfAnExpiry) {
  const struct {
    const char* text;
    std::int64_t expected;
  } table[] = {
      {R"({"accessTokenExpiresAtMs":1700000000000})", 1'700'000'000'000},
      {R"({"access_token_expires_at_ms":1700000000000})", 1'700'000'000'000},
      {R"({"expires":1700000000})", 1'700'000'000'000},
      {R"({"expires_at":"1700000000"})", 1'700'000'000'000},
      {R"({"expiresMs":1700000000000})", 1'700'000'000'000},
      {R"({"expiry":"2023-11-14T22:13:20Z"})", 1'700'000'000'000},
      {R"({"expires":99999999999})", 99'999'999'999'000},
      {R"({"expires":100000000000})", 100'000'000'000},
  };
  for (const auto& row : table) {
    ASSERT_TRUE(parsed(row.text).expires()) << row.text;
    EXPECT_EQ(to_int(*parsed(row.text).expires()), row.expected) << row.text;
  }
  EXPECT_FALSE(parsed(R"({"expiry":"soon"})").expires());
  EXPECT_FALSE(parsed(R"({"expires":1.5})").expires());
}

TEST(OAuthSecret, RefusesWhatIsNoJsonObject) {
  for (const char* text : {"", "sk-1", "[]", R"({"a":1,"a":2})"}) {
    const auto secret = OAuthSecret::parse(Secret::copy_of(text));
    ASSERT_FALSE(secret) << text;
    EXPECT_EQ(secret.error().reason, "secret_malformed");
    EXPECT_EQ(secret.error().message, "oauth2 secret must be JSON with clientId");
  }
}

// Case 171.
TEST(OAuthSecret, KeepsOrderSpellingAndUnknownKeys) {
  EXPECT_EQ(rewritten(R"({"x":[1,{"y":null}],"refresh_token":"r1","client_id":"c","access_token":)"
                      R"("at-1","expires_at":1600000000,"note":"a\nb"})",
                      "r2"),
            R"({"x":[1,{"y":null}],"refresh_token":"r2","client_id":"c","access_token":"at-\"2",)"
            R"("expires_at":1700003600,"note":"a\nb","accessTokenObtainedAtMs":1700000000000})");
}

TEST(OAuthSecret, AddsNewKeysInCamelCase) {
  EXPECT_EQ(rewritten(R"({"clientId":"c"})"),
            R"({"clientId":"c","accessToken":"at-\"2","accessTokenExpiresAtMs":1700003600000,)"
            R"("accessTokenObtainedAtMs":1700000000000})");
}

TEST(OAuthSecret, KeepsTheFormOfAnExpiry) {
  EXPECT_NE(rewritten(R"({"expiry":"2020-01-01T00:00:00Z"})").find("\"2023-11-14T23:13:20"),
            std::string::npos);
  EXPECT_NE(rewritten(R"({"expires":"1600000000"})").find(R"("expires":"1700003600")"),
            std::string::npos);
}

}  // namespace
}  // namespace aivault::tokens
