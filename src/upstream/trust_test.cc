#include "upstream/trust.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "testing/certificates.h"

namespace aivault::upstream {
namespace {

std::string file_with(const std::string& name, const std::string& text) {
  auto path = ::testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

TEST(TrustStore, IsCountedAndRefusedLikeAtTheStart) {
  const auto one = testing::CertificateAuthority().pem();
  const auto other = testing::CertificateAuthority().pem();
  EXPECT_EQ(Trust::count_roots(file_with("roots.pem", one + other)).value(), 2U);
  const auto without = file_with("none.pem", "nothing\n");
  const auto broken = file_with("broken.pem", one.substr(0, one.size() / 2));
  for (const auto& path : {std::string("/nowhere/roots.pem"), without, broken}) {
    const auto counted = Trust::count_roots(path);
    ASSERT_FALSE(counted) << path;
    EXPECT_EQ(counted.error().reason, "tls");
    EXPECT_FALSE(Trust::load(path, "")) << path;
  }
}

}  // namespace
}  // namespace aivault::upstream
