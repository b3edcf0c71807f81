#include "cli/moment.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aivault::cli {
namespace {

TEST(Moment, KnowsThreeSpellings) {
  struct Case {
    std::string text;
    std::int64_t ms;
  };
  const std::vector<Case> table{{"1767225600000", 1767225600000},
                                {"2026-01-01T00:00:00Z", 1767225600000},
                                {"2026-01-01t01:30:00.25+01:30", 1767225600250},
                                {"2025-12-31 19:00:00-05:00", 1767225600000},
                                {"500ms", 1500},
                                {"30s", 31'000},
                                {"15m", 901'000},
                                {"12h", 43'201'000},
                                {"7d", 604'801'000}};
  for (const auto& [text, ms] : table) {
    const auto moment = parse_moment(text, from_int(1000));
    ASSERT_TRUE(moment) << text;
    EXPECT_EQ(to_int(*moment), ms) << text;
  }
}

TEST(Moment, RefusesEverythingElse) {
  for (const std::string text : {"",
                                 "-5",
                                 "5 m",
                                 "m",
                                 "1.5h",
                                 "5w",
                                 "99999999999999999999",
                                 "9999999999999999d",
                                 "2026-01-01",
                                 "2026-02-30T00:00:00Z",
                                 "2026-01-01T24:00:00Z",
                                 "2026-01-01T00:00:00",
                                 "2026-01-01T00:00:00.Z",
                                 "2026-01-01T00:00:00+0100",
                                 "never"}) {
    EXPECT_FALSE(parse_moment(text, from_int(0))) << text;
  }
}

TEST(Duration, CountsABareIntegerInSeconds) {
  EXPECT_EQ(parse_duration("90"), std::chrono::seconds(90));
  EXPECT_FALSE(parse_duration("-1s"));
}

}  // namespace
}  // namespace aivault::cli
