#include "cli/launch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/vault_header.h"

namespace aivault::cli {
namespace {

class Launch : public testing::Test {
 protected:
  Launch() {
    std::string pattern = testing::TempDir() + "launch-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~Launch() override { std::filesystem::remove_all(root_); }

  void write_header(const std::string& text) { std::ofstream(root_ + "/vault.json") << text; }

  bool gets(const std::string& variable, const std::vector<std::string>& key_variables = {}) const {
    const platform::Environment environment(
        {{"AIVAULT_DIR", root_}, {"ACME_KEY", "k"}, {"OTHER_KEY", "o"}, {"LD_PRELOAD", "evil.so"}});
    const auto all = daemon_environment(environment, key_variables);
    return std::ranges::any_of(
        all, [&](const auto& entry) { return entry.starts_with(variable + "="); });
  }

  std::string root_;
};

TEST_F(Launch, GivesTheDaemonTheVariableThatTheHeaderNamesAndNoOther) {
  EXPECT_FALSE(gets("ACME_KEY"));
  write_header(R"({"provider":{"type":"env","envVar":"ACME_KEY"}})");
  EXPECT_TRUE(gets("ACME_KEY"));
  EXPECT_FALSE(gets("OTHER_KEY"));
  EXPECT_TRUE(gets("OTHER_KEY", {"OTHER_KEY"}));
}

TEST_F(Launch, GivesNoVariableOfAnotherProvider) {
  write_header(R"({"provider":{"type":"file","path":"kek.key","envVar":"ACME_KEY"}})");
  EXPECT_FALSE(gets("ACME_KEY"));
}

TEST_F(Launch, GivesNoSettingOfTheLoaderWhateverTheHeaderSays) {
  write_header(R"({"provider":{"type":"env","envVar":"LD_PRELOAD"}})");
  EXPECT_FALSE(gets("LD_PRELOAD"));
  EXPECT_FALSE(gets("LD_PRELOAD", {"LD_PRELOAD"}));
}

TEST_F(Launch, ReadsTheProviderOfBothFormatsOfTheHeader) {
  EXPECT_FALSE(read_vault_header(root_));
  write_header(R"({"version":1,"provider":{"type":"env","env_var":"ACME_KEY"}})");
  EXPECT_EQ(read_vault_header(root_)->key_variable, "ACME_KEY");
  write_header(R"({"provider":{"type":"passphrase","kdf":{}}})");
  EXPECT_EQ(read_vault_header(root_)->provider, "passphrase");
  write_header("{");
  EXPECT_FALSE(read_vault_header(root_));
}

}  // namespace
}  // namespace aivault::cli
