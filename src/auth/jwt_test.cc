#include "auth/jwt.h"

#include <gtest/gtest.h>

#include <string>

#include "base/encoding.h"
#include "base/reveal.h"
#include "json/write.h"

namespace aivault::auth {
namespace {

// The key of RFC 8037, appendix A.1.
constexpr std::string_view kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

std::string part(const Result<Secret>& token, int which) {
  if (!token) return token.error().message;
  std::string_view text = token->text(Reveal());
  for (int i = 0; i < which; ++i) text.remove_prefix(text.find('.') + 1);
  return std::string(text.substr(0, text.find('.')));
}

std::string decoded(std::string text) {
  for (auto& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text).value_or("no Base64");
}

// Case 156.
TEST(Jwt, SignsTheKnownTokenWithEd25519) {
  const auto token = signed_jwt(registry::JwtAlgorithm::eddsa,
                                kKey,
                                "",
                                {R"({"iss":"app","iat":1700000000,"exp":1700000540})"});
  EXPECT_EQ(decoded(part(token, 0)), R"({"alg":"EdDSA","typ":"JWT"})");
  EXPECT_EQ(
      part(token, 2),
      "Xgr-BAQRsoYKBQqBQsj68g4M_Kfmu4FNaqUmcIhcjBLDpvY5iEP_twxEI5KrqFFSbG9ZWh41KIlodM75Cuo5Cw");
}

registry::JwtAuth eddsa() {
  registry::JwtAuth auth;
  auth.algorithm = registry::JwtAlgorithm::eddsa;
  return auth;
}

std::string json_secret(std::string_view more) {
  return R"({"privateKey":)" + json::quoted(kKey) + std::string(more) + "}";
}

TEST(Jwt, WritesClaimsInTheirOrder) {
  auto auth = eddsa();
  auth.audience = "https://{{ tenant }}.test";
  auth.scopes = {"a", "b"};
  auth.claims = {{"app", R"("{{app_id}}\"")"}, {"n", "7"}};
  const auto secret =
      json_secret(R"(,"keyId":"k1","issuer":"me","subject":"you","tenant":"acme","app_id":"A\"1")");
  const auto material = jwt_material(secret);
  ASSERT_TRUE(material.has_value());
  const auto token = self_signed_jwt(auth, *material, from_int(1'700'000'000'999), "id1");
  EXPECT_EQ(decoded(part(token, 0)), R"({"alg":"EdDSA","typ":"JWT","kid":"k1"})");
  EXPECT_EQ(decoded(part(token, 1)),
            R"({"iss":"me","sub":"you","scope":"a b","aud":"https://acme.test",)"
            R"("iat":1700000000,"exp":1700000300,"jti":"id1","app":"A\"1\"","n":7})");
}

TEST(Jwt, TakesAKeyAloneOrWithFields) {
  const auto alone = jwt_material(kKey);
  ASSERT_TRUE(alone.has_value());
  EXPECT_EQ(decoded(part(self_signed_jwt(eddsa(), *alone, from_int(0), "x"), 1)),
            R"({"iat":0,"exp":300,"jti":"x"})");
  EXPECT_EQ(jwt_material(R"({"keyId":"k"})").error().message,
            "jwt secret must be PEM or JSON with privateKey");
  auto auth = eddsa();
  auth.issuer = "{{app}}";
  EXPECT_EQ(self_signed_jwt(auth, *alone, from_int(0), "x").error().message,
            "missing secret field 'app' for auth");
}

TEST(Jwt, TellsAGoogleKeyFile) {
  auto auth = eddsa();
  const auto secret = json_secret(R"(,"type":"service_account","client_email":"a@b.test")");
  const auto material = jwt_material(secret);
  ASSERT_TRUE(material.has_value());
  EXPECT_FALSE(is_google_exchange(auth, *material));
  auth.scopes = {"scope"};
  EXPECT_TRUE(is_google_exchange(auth, *material));
}

}  // namespace
}  // namespace aivault::auth
