#include "catalog/policy_row.h"

#include <gtest/gtest.h>

#include "json/write.h"

namespace aivault::catalog {
namespace {

TEST(PolicyRow, StoresAndReadsEveryLimit) {
  constexpr std::string_view kBody =
      R"({"rateLimitPerMinute":60,"maxRequestBodyBytes":0,"maxResponseBodyBytes":1048576,)"
      R"("responseBodyBlocklist":["ssn","literal:x"],"requireApproval":true,)"
      R"("approvalTimeoutMs":60000,"scrub":"off"})";
  const auto limits = parse_policy_body(kBody);
  ASSERT_TRUE(limits) << limits.error().message;
  EXPECT_EQ(body_of(*limits), kBody);
  EXPECT_EQ(json::compact(to_json("a/b", *limits)),
            R"({"capabilityId":"a/b","policy":)" + std::string(kBody) + "}");
}

TEST(PolicyRow, ShowsWhatIsNotLimitedAsNull) {
  const auto limits =
      parse_policy_body(R"({"scrub":"auto","responseBodyBlocklist":["  "," ssn "]})");
  ASSERT_TRUE(limits) << limits.error().message;
  EXPECT_EQ(
      json::compact(to_json("a/b", *limits)),
      R"({"capabilityId":"a/b","policy":{"rateLimitPerMinute":null,"maxRequestBodyBytes":null,)"
      R"("maxResponseBodyBytes":null,"responseBodyBlocklist":["ssn"]}})");
  EXPECT_EQ(*parse_policy_body("{}"), policy::Limits());
  EXPECT_EQ(body_of(policy::Limits()), "{}");
}

TEST(PolicyRow, RefusesWhatItDoesNotUnderstand) {
  const std::string long_entry(1025, 'x');
  for (const auto& body : {std::string("[]"),
                           std::string("{"),
                           std::string(R"({"rate":1})"),
                           std::string(R"({"rateLimitPerMinute":-1})"),
                           std::string(R"({"rateLimitPerMinute":1.5})"),
                           std::string(R"({"maxRequestBodyBytes":"1"})"),
                           std::string(R"({"responseBodyBlocklist":"x"})"),
                           std::string(R"({"responseBodyBlocklist":[1]})"),
                           R"({"responseBodyBlocklist":[")" + long_entry + R"("]})",
                           std::string(R"({"requireApproval":"yes"})"),
                           std::string(R"({"approvalTimeoutMs":0})"),
                           std::string(R"({"approvalTimeoutMs":3600001})"),
                           std::string(R"({"scrub":"none"})")}) {
    EXPECT_FALSE(parse_policy_body(body)) << body.substr(0, 60);
  }
}

}  // namespace
}  // namespace aivault::catalog
