#include "cli/systemd_units.h"

#include <gtest/gtest.h>

#include "cli/setup_users.h"

namespace aivault::cli {
namespace {

UnitFacts facts_for(std::string home) {
  return {.daemon_user = "aivault", .home = std::move(home), .program = "/usr/local/bin/aivaultd"};
}

bool has_line(const std::string& unit, const std::string& line) {
  return unit.find("\n" + line + "\n") != std::string::npos;
}

TEST(SystemdUnits, ShowOfAllHomesOnlyTheVaults) {
  const auto usual = service_unit(facts_for("/home/aivault"));
  EXPECT_TRUE(has_line(usual, "ProtectHome=tmpfs"));
  EXPECT_TRUE(has_line(usual, "BindPaths=/home/aivault/.aivault"));
  const auto elsewhere = service_unit(facts_for("/srv/aivault"));
  EXPECT_TRUE(has_line(elsewhere, "ProtectHome=yes"));
  EXPECT_TRUE(has_line(elsewhere, "ReadWritePaths=/srv/aivault/.aivault"));
  EXPECT_TRUE(has_line(service_unit(facts_for("/homes/aivault")), "ProtectHome=yes"));
  const auto own = service_unit(facts_for("/var/lib/aivault"));
  EXPECT_TRUE(has_line(own, "StateDirectory=aivault"));
  EXPECT_TRUE(has_line(own, "StateDirectoryMode=0700"));
}

TEST(SystemdUnits, HideNoCallerFromTheDaemon) {
  const auto unit = service_unit(facts_for("/home/aivault"));
  EXPECT_EQ(unit.find("PrivateUsers"), std::string::npos);
  EXPECT_EQ(unit.find("ProtectProc"), std::string::npos);
}

TEST(SystemdUnits, LoadASealedKeyWhenThereIsOne) {
  auto facts = facts_for("/home/aivault");
  EXPECT_EQ(service_unit(facts).find("LoadCredential"), std::string::npos);
  facts.loads_sealed_key = true;
  EXPECT_TRUE(has_line(service_unit(facts),
                       "LoadCredentialEncrypted=aivault-kek:/etc/credstore.encrypted/aivault-kek"));
}

TEST(SystemdUnits, GiveTheSocketToTheGroup) {
  const auto unit = socket_unit(facts_for("/home/aivault"));
  for (const auto* line : {"ListenStream=/run/aivault/aivaultd.sock",
                           "FileDescriptorName=agent",
                           "SocketUser=aivault",
                           "SocketGroup=aivault",
                           "SocketMode=0660",
                           "DirectoryMode=2750"}) {
    EXPECT_TRUE(has_line(unit, line)) << line;
  }
}

TEST(SetupUsers, KnowNamesThatAreSafeInAUnit) {
  for (const auto* name : {"aivault", "_x", "A.b-c_9"}) EXPECT_TRUE(is_user_name(name)) << name;
  for (const auto* name : {"", "-a", "9a", "a b", "a\n", "a:b", "a/b", "a%u"}) {
    EXPECT_FALSE(is_user_name(name)) << name;
  }
  EXPECT_TRUE(is_user_name(std::string(32, 'a')));
  EXPECT_FALSE(is_user_name(std::string(33, 'a')));
}

TEST(SetupUsers, WriteRunForVarRun) {
  EXPECT_EQ(as_run_path("/var/run/aivault"), "/run/aivault");
  EXPECT_EQ(as_run_path("/var/running"), "/var/running");
  EXPECT_EQ(as_run_path("/srv/aivault"), "/srv/aivault");
}

TEST(SetupUsers, MakeTheHomeOfASystemUserAgainAtBoot) {
  EXPECT_EQ(tmpfiles_for("/run/aivault", {.name = "v", .home = "/home/v"}),
            "d /run/aivault 2750 v aivault -\n");
  EXPECT_EQ(tmpfiles_for("/run/aivault", {.name = "aivault", .home = "/var/lib/aivault"}),
            "d /run/aivault 2750 aivault aivault -\nd /var/lib/aivault 0700 aivault aivault -\n");
}

}  // namespace
}  // namespace aivault::cli
