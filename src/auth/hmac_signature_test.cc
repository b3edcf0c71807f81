#include "auth/hmac_signature.h"

#include <gtest/gtest.h>

namespace aivault::auth {
namespace {

using registry::HmacAlgorithm;
using registry::HmacPayload;

std::string signature(HmacPayload payload,
                      std::string_view target,
                      HmacAlgorithm algorithm = HmacAlgorithm::sha256) {
  registry::HmacAuth auth;
  auth.algorithm = algorithm;
  auth.payload = payload;
  const auto parsed = http::parse_target(target);
  EXPECT_TRUE(parsed.has_value());
  return hmac_signature(
      auth, "sec", {"POST", parsed->path(), parsed->query(), R"({"a":1})", "1700000000"});
}

// Case 154.
TEST(HmacSignature, MakesTheKnownOnes) {
  EXPECT_EQ(signature(HmacPayload::canonical, "/v1/messages?b=2&a=1"),
            "aa26f6dfd335b126d41dbe9db27c48366567f56c05032f56d766522948f0c4cc");
  EXPECT_EQ(signature(HmacPayload::canonical, "/v1/messages?b=2&a=1", HmacAlgorithm::sha1),
            "8c64ba9c28ede27096dcc2a92888f1cbc81122cf");
  EXPECT_EQ(signature(HmacPayload::canonical, "/x"),
            "e15b61115e55beb4c0354f56abddafcaf8e08fe4c637b053faf3362f0df1ccc4");
  EXPECT_EQ(signature(HmacPayload::body, "/x"),
            "c849586ed3da59538720c90b6e5167016fa10f493ac9f358b1b1cc525fdb7328");
  EXPECT_EQ(signature(HmacPayload::timestamp, "/x"),
            "4838f4815d99ddc816a7eefa5c3d01ec4a18eda0f7684396278130e788e04d7d");
}

TEST(HmacSignature, HasTheLengthOfItsAlgorithm) {
  EXPECT_EQ(signature(HmacPayload::body, "/", HmacAlgorithm::sha384).size(), 96U);
  EXPECT_EQ(signature(HmacPayload::body, "/", HmacAlgorithm::sha512).size(), 128U);
}

}  // namespace
}  // namespace aivault::auth
