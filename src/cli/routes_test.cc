#include "cli/routes.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/launch.h"

namespace aivault::cli {
namespace {

using Variables = std::map<std::string, std::string>;

class Home : public testing::Test {
 protected:
  Home() {
    std::string name = testing::TempDir() + "aiv-routes-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~Home() override { std::filesystem::remove_all(directory_); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // The environment of a caller whose home is ours.
  platform::Environment with(Variables variables) const {
    variables.emplace("HOME", directory_);
    return platform::Environment(std::move(variables));
  }
  Routes routes(const Variables& variables) const {
    auto found = find_routes(with(variables));
    EXPECT_TRUE(found);
    return *found;
  }
  std::string refusal(const Variables& variables) const {
    const auto refused = autostart_refusal(routes(variables), with(variables));
    return refused ? refused->message : "none";
  }

  std::string directory_;
};

TEST_F(Home, IsWhereTheUserSocketIs) {
  const auto found = routes({});
  EXPECT_EQ(found.first.socket, directory_ + "/.aivault/run/aivaultd.sock");
  EXPECT_EQ(found.first.trust, Trust::checked);
  ASSERT_TRUE(found.shared);
  EXPECT_EQ(found.shared->socket, "/var/run/aivault/aivaultd.sock");
  EXPECT_EQ(found.shared->trust, Trust::checked);
}

TEST_F(Home, GivesWayToTheSocketThatIsNamed) {
  const auto found = routes({{"AIVAULTD_SOCKET", " /s "}, {"AIVAULTD_SHARED_SOCKET", "/t"}});
  EXPECT_EQ(found.first.socket, "/s");
  EXPECT_EQ(found.first.trust, Trust::named_by_caller);
  EXPECT_FALSE(found.shared);
}

TEST_F(Home, GivesWayToAVaultDirectory) {
  const auto own = routes({{"AIVAULT_DIR", "/v"}});
  EXPECT_EQ(own.first.socket, "/v/run/aivaultd.sock");
  EXPECT_FALSE(own.shared);
  const auto both = routes({{"AIVAULT_DIR", "/v"}, {"AIVAULTD_SHARED_SOCKET", "/t"}});
  ASSERT_TRUE(both.shared);
  EXPECT_EQ(both.shared->socket, "/t");
  EXPECT_EQ(both.shared->trust, Trust::named_by_caller);
}

TEST_F(Home, DecidesWhetherADaemonMayBeStarted) {
  const std::string own = directory_ + "/v/run/aivaultd.sock";
  EXPECT_EQ(refusal({{"AIVAULT_DIR", directory_ + "/v"}}), "none");
  EXPECT_EQ(refusal({{"AIVAULT_DIR", directory_ + "/v"}, {"AIVAULTD_AUTOSTART", "0"}}),
            "aivaultd not running at '" + own + "' (autostart disabled)");
  EXPECT_EQ(refusal({{"AIVAULTD_SOCKET", "/t"}, {"AIVAULTD_SHARED_SOCKET", "/t"}}),
            "failed connecting to aivaultd at '/t' (shared socket; autostart suppressed)");
  EXPECT_EQ(refusal({{"AIVAULTD_SHARED_SOCKET", directory_ + "/none/s"}}), "none");
  EXPECT_EQ(refusal({{"AIVAULTD_SHARED_SOCKET", directory_ + "/s"}}),
            "aivaultd not running at shared socket '" + directory_ +
                "/s' (start it as the operator with `aivaultd --shared`)");
  if (geteuid() == 0) ASSERT_EQ(chown(directory_.c_str(), 12345, 12345), 0);
  const std::string foreign = geteuid() == 0 ? directory_ : "/";
  EXPECT_EQ(refusal({{"AIVAULTD_SOCKET", foreign + "/x/s"}}),
            "aivaultd not running at '" + foreign +
                "/x/s' (directory belongs to another user; autostart suppressed)");
}

TEST_F(Home, BelongsToTheSharedDaemonOnlyWithoutAVaultOfItsOwn) {
  const Variables shared{{"AIVAULTD_SHARED_SOCKET", directory_ + "/shared/s"}};
  EXPECT_FALSE(belongs_to_shared_daemon(routes(shared)));
  std::filesystem::create_directories(directory_ + "/shared");
  EXPECT_FALSE(belongs_to_shared_daemon(routes(shared)));  // It is the caller's.
  if (geteuid() != 0) return;
  ASSERT_EQ(chown((directory_ + "/shared").c_str(), 12345, 12345), 0);
  EXPECT_TRUE(belongs_to_shared_daemon(routes(shared)));
  std::filesystem::create_directories(directory_ + "/.aivault/data/vault");
  std::ofstream(directory_ + "/.aivault/data/vault/vault.json") << "{}";
  EXPECT_FALSE(belongs_to_shared_daemon(routes(shared)));
}

TEST(DaemonEnvironment, PassesOnWhatTheDaemonNeedsAndNothingElse) {
  const platform::Environment environment({{"HOME", "/h"},
                                           {"PATH", "/bin"},
                                           {"LC_ALL", "C"},
                                           {"LD_PRELOAD", "/evil.so"},
                                           {"HTTPS_PROXY", "http://x"},
                                           {"OPENAI_API_KEY", "sk"},
                                           {"AIVAULT_DIR", " /v "},
                                           {"AIVAULTD_LOG", "debug"},
                                           {"AIVAULTD_READY_FD", "9"}});
  auto list = daemon_environment(environment);
  std::ranges::sort(list);
  EXPECT_EQ(list,
            (std::vector<std::string>{
                "AIVAULTD_LOG=debug", "AIVAULT_DIR=/v", "HOME=/h", "LC_ALL=C", "PATH=/bin"}));
}

TEST(DaemonEnvironment, MakesPathsAbsolute) {
  const auto list = daemon_environment(platform::Environment({{"AIVAULT_DIR", "v"}}));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0], "AIVAULT_DIR=" + std::filesystem::current_path().string() + "/v");
}

}  // namespace
}  // namespace aivault::cli
