#include "policy/host_pattern.h"

#include <gtest/gtest.h>

namespace aivault::policy {
namespace {

TEST(HostPattern, FitsExactNamesWildcardsAndParams) {
  struct Case {
    std::string_view pattern, host;
    bool fits;
  };
  constexpr Case kCases[] = {
      {"api.x.test", "api.x.test", true},
      {"api.x.test", "api.y.test", false},
      {"*.x.test", "a.b.x.test", true},
      {"*.x.test", "x.test", false},
      {"{sub}.x.test", "octo.x.test", true},
      {"{sub}.x.test", ".x.test", false},
      {"{sub}.x.test", "x.test", false},
      {"{sub}.x.test", "octo.x.test:8443", false},
      {"{sub}.x.test:8443", "octo.x.test:8443", true},
      {"{region}-api.x.test", "eu-api.x.test", true},
      {"{region}-api.x.test", "eu.x.test", false},
      {"{own}", "whatever.test", true},
      {"{own}", "whatever.test:8443", true},
  };
  for (const auto& [pattern, host, fits] : kCases) {
    const auto authority = http::parse_authority(host);
    if (!authority) continue;
    EXPECT_EQ(fits_host_pattern(pattern, *authority), fits) << pattern << ' ' << host;
  }
}

}  // namespace
}  // namespace aivault::policy
