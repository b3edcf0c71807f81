// Signature Version 4: known answers, of AWS's own suite and documentation among them.
#include "auth/sigv4.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "http/target.h"

namespace aivault::auth {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kExample =
    R"({"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"})";
constexpr std::string_view kS3Example =
    R"({"access_key_id":"AKIAIOSFODNN7EXAMPLE",)"
    R"("secret_access_key":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})";
constexpr UnixMs kExampleTime = std::chrono::sys_days(2015y / 8 / 30) + 12h + 36min;
constexpr UnixMs kS3Time = std::chrono::sys_days(2013y / 5 / 24);

struct Signed {
  std::string service, region, secret, method, host, target;
  http::Headers headers = {};
  std::optional<std::string_view> body = "";
  UnixMs now = kExampleTime;
};

AwsSignature signature(const Signed& wish) {
  const registry::AwsSigV4Auth auth{wish.service, wish.region};
  const auto material = aws_material(wish.secret);
  EXPECT_TRUE(material.has_value());
  const auto target = http::parse_target(wish.target);
  EXPECT_TRUE(target.has_value()) << wish.target;
  const AwsRequest request{wish.method,
                           wish.host,
                           aws_path(target->path()),
                           aws_query(target->query()),
                           wish.headers,
                           wish.body};
  const auto made = sign_aws(auth, *material, request, wish.now);
  EXPECT_TRUE(made.has_value());
  return made.value_or(AwsSignature());
}

std::string hex_of(const Signed& wish) {
  const auto text = signature(wish).authorization;
  return text.substr(text.rfind('=') + 1);
}

Signed example(std::string method, std::string target) {
  return {"service",
          "us-east-1",
          std::string(kExample),
          std::move(method),
          "example.amazonaws.com",
          std::move(target)};
}

// Case 149.
TEST(SigV4, SignsTheKnownRequestsOfServices) {
  EXPECT_EQ(hex_of(example("GET", "/")),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(hex_of(example("GET", "/?Param2=value2&Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(hex_of(example("POST", "/")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  EXPECT_EQ(hex_of(example("GET", "/a%20b")),
            "08c33fd523b5dc18699a2c38863929f12203a282c033d442d45b59a096458aa6");
  auto bedrock = example("POST", "/model/anthropic.claude-3:0/invoke");
  bedrock.service = "bedrock";
  bedrock.host = "bedrock-runtime.us-west-2.amazonaws.com";
  bedrock.headers = {{"content-type", "application/json"}, {"x-other", "unsigned"}};
  bedrock.body = R"({"a":1})";
  EXPECT_EQ(hex_of(bedrock), "08afe825307a87fe9f2fb584d0793295fc041b647ffa5482d6200c213c16954e");
  bedrock.service = "bedrock-runtime";  // The name of the endpoint signs under that of the service.
  EXPECT_EQ(hex_of(bedrock), "08afe825307a87fe9f2fb584d0793295fc041b647ffa5482d6200c213c16954e");
}

// Case 152.
TEST(SigV4, SignsTheSessionToken) {
  auto wish = example("GET", "/");
  wish.secret.insert(wish.secret.size() - 1, R"(,"sessionToken":"TOKEN")");
  const auto made = signature(wish);
  EXPECT_EQ(made.authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
            "564660f640e535dfb2d7d90e91b97b91515c30bfedf0a5ff2564c9e5352e9f12");
  EXPECT_EQ(made.date, "20150830T123600Z");
  EXPECT_EQ(made.content_sha256, "");
}

// Case 149.
TEST(SigV4, SignsTheKnownRequestsOfS3) {
  Signed wish{"s3",
              "us-east-1",
              std::string(kS3Example),
              "GET",
              "examplebucket.s3.amazonaws.com",
              "/test.txt"};
  wish.now = kS3Time;
  EXPECT_EQ(hex_of(wish), "df548e2ce037944d03f3e68682813b093763996d597cf890ca3d9037fd231eb4");
  wish.target = "/?max-keys=2&prefix=J";
  EXPECT_EQ(hex_of(wish), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  wish.method = "PUT";
  wish.target = "/test.txt";
  wish.body = std::nullopt;
  EXPECT_EQ(signature(wish).content_sha256, "UNSIGNED-PAYLOAD");
  EXPECT_EQ(hex_of(wish), "e5cba710bd56728f6e6842f3f79fa900e5f47e04debe3dd607877436ccd9b25a");
}

// Case 151.
TEST(SigV4, FindsTheRegionInTheHost) {
  const registry::AwsSigV4Auth auth;
  const auto region = [&](std::string_view host) { return aws_region(auth, host, ""); };
  EXPECT_EQ(region("s3.eu-west-1.amazonaws.com"), "eu-west-1");
  EXPECT_EQ(region("b.s3.us-gov-west-1.amazonaws.com"), "us-gov-west-1");
  EXPECT_EQ(region("d.ap-southeast-2.es.amazonaws.com"), "ap-southeast-2");
  EXPECT_EQ(region("s3-us-west-2.amazonaws.com"), "us-west-2");
  EXPECT_EQ(region("a.r2.cloudflarestorage.com"), "auto");
  EXPECT_EQ(region("s3.amazonaws.com"), "us-east-1");
  EXPECT_EQ(aws_region(auth, "minio.test:9000", "eu-west-2"), "eu-west-2");
  EXPECT_EQ(aws_region({"s3", "eu-west-3"}, "minio.test:9000", ""), "eu-west-3");
}

TEST(SigV4, WritesPathAndQueryInOneForm) {
  EXPECT_EQ(aws_path("/a%2fb//c:d/%7e/+"), "/a%2Fb//c%3Ad/~/%2B");
  const auto target = http::parse_target("/x?b=1+2&flag&a=%2f&b=1");
  ASSERT_TRUE(target.has_value());
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"b", "1%202"}, {"flag", ""}, {"a", "%2F"}, {"b", "1"}};
  EXPECT_EQ(aws_query(target->query()), pairs);
}

// Case 148.
TEST(SigV4, SaysWhatTheSecretLacks) {
  EXPECT_EQ(aws_material("text").error().message,
            "aws secret must be JSON with accessKeyId/secretAccessKey");
  EXPECT_EQ(aws_material(R"({"accessKeyId":"a"})").error().message, "missing aws credentials");
}

// Case 153.
TEST(SigV4, RefusesABodyThatIsNotAtHand) {
  const auto material = aws_material(kExample);
  const http::Headers headers;
  const AwsRequest request{"POST", "dynamodb.us-east-1.amazonaws.com", "/", {}, headers, {}};
  const auto made = sign_aws({"dynamodb", ""}, *material, request, kExampleTime);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().reason, "body_not_signable");
  EXPECT_EQ(made.error().message, "request body too large to sign");
}

}  // namespace
}  // namespace aivault::auth
