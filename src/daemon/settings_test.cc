#include "daemon/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/duration.h"

namespace aivault::daemon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Variables = std::map<std::string, std::string>;

Arguments flags(const std::vector<std::string_view>& words) {
  return std::get<Arguments>(parse_arguments(words));
}

Result<Settings> settings_of(Variables variables, Arguments arguments = {}) {
  variables.emplace("AIVAULT_DIR", "/v");
  return make_settings(arguments, platform::Environment(std::move(variables)));
}

std::string refusal(Variables variables, Arguments arguments = {}) {
  const auto settings = settings_of(std::move(variables), std::move(arguments));
  return settings ? "" : settings.error().message;
}

TEST(Duration, HasAUnitOrIsInSeconds) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), seconds(30));
  EXPECT_EQ(parse_duration("15m"), minutes(15));
  EXPECT_EQ(parse_duration("12h"), hours(12));
  EXPECT_EQ(parse_duration("7d"), hours(7 * 24));
  EXPECT_EQ(parse_duration("90"), seconds(90));
  EXPECT_EQ(parse_duration("0"), seconds(0));
  for (const char* text :
       {"", "m", "-1s", "+1s", "1.5h", "1 s", "1w", "99999999999999999999", "4000d", "1M", "-0"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Settings, TakeTheSocketFromFlagVariableOrPlace) {
  EXPECT_EQ(settings_of({})->socket, "/v/run/aivaultd.sock");
  EXPECT_EQ(settings_of({{"AIVAULTD_SOCKET", "/s"}})->socket, "/s");
  EXPECT_EQ(settings_of({{"AIVAULTD_SOCKET", "/s"}}, flags({"--socket=/flag"}))->socket, "/flag");
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(settings_of({}, flags({"--socket=x.sock"}))->socket, here + "/x.sock");
  EXPECT_EQ(settings_of({}, flags({"--stdio"}))->socket, "");
}

TEST(Settings, GiveAgentsASocketOfTheirOwn) {
  const std::string agents = "/var/run/aivault/aivaultd.sock";
  struct Row {
    Variables variables;
    std::vector<std::string_view> words;
    std::string socket, agent_socket;
  };
  const std::vector<Row> rows = {
      {{}, {}, "/v/run/aivaultd.sock", ""},
      {{}, {"--shared"}, "/v/run/aivaultd.sock", agents},
      {{{"AIVAULTD_SHARED_SOCKET", "/a"}}, {"--shared"}, "/v/run/aivaultd.sock", "/a"},
      {{{"AIVAULTD_SOCKET", "/s"}}, {"--shared"}, "/s", agents},
      {{}, {"--shared", "--socket=/p"}, "/v/run/aivaultd.sock", "/p"},
      {{{"AIVAULTD_SOCKET", "/p"}}, {"--shared", "--socket=/p"}, "/v/run/aivaultd.sock", "/p"},
      {{}, {"--shared", "--socket= "}, "/v/run/aivaultd.sock", agents},
  };
  for (const auto& row : rows) {
    const auto settings = settings_of(row.variables, flags(row.words));
    ASSERT_TRUE(settings.has_value());
    EXPECT_EQ(settings->socket, row.socket);
    EXPECT_EQ(settings->agent_socket, row.agent_socket);
  }
  EXPECT_EQ(refusal({}, flags({"--shared", "--socket=/v/run/aivaultd.sock"})),
            "'/v/run/aivaultd.sock' is the operator's socket; choose another path for the shared "
            "one");
  EXPECT_EQ(refusal({}, flags({"--shared", "--stdio"})), "--stdio and --shared exclude each other");
}

TEST(Settings, GiveTheModesToTheAgentSocketIfThereIsOne) {
  const auto plain = settings_of({}, flags({"--shared"}));
  EXPECT_EQ(plain->socket_mode, 0600U);
  EXPECT_EQ(plain->agent_socket_mode, 0660U);
  EXPECT_EQ(plain->agent_directory_mode, 0750U);
  const auto set =
      settings_of({{"AIVAULTD_SOCKET_MODE", "0600"}, {"AIVAULTD_SOCKET_DIR_MODE", "2750"}},
                  flags({"--shared"}));
  EXPECT_EQ(set->socket_mode, 0600U);
  EXPECT_EQ(set->directory_mode, 0700U);
  EXPECT_EQ(set->agent_socket_mode, 0600U);
  EXPECT_EQ(set->agent_directory_mode, 02750U);
  EXPECT_EQ(refusal({{"AIVAULTD_SOCKET_MODE", "0666"}}, flags({"--shared"})),
            "refusing a socket open to everyone");
}

TEST(Settings, KnowWhereTheVaultIs) {
  const auto settings = settings_of({{"AIVAULT_DISABLE_DISK_LOGS", "1"}});
  EXPECT_EQ(settings->vault.location.root, "/v");
  EXPECT_EQ(settings->vault.location.default_key_file, "/v/kek.key");
  EXPECT_EQ(settings->vault.call_records, vault::CallRecords::disabled);
  EXPECT_EQ(settings_of({})->vault.call_records, vault::CallRecords::written);
}

TEST(Settings, ReadOctalModesAndRefuseOpenOnes) {
  EXPECT_EQ(settings_of({})->socket_mode, 0600U);
  EXPECT_EQ(settings_of({})->directory_mode, 0700U);
  EXPECT_EQ(settings_of({{"AIVAULTD_SOCKET_MODE", "0660"}})->socket_mode, 0660U);
  EXPECT_EQ(settings_of({{"AIVAULTD_SOCKET_MODE", "0o660"}})->socket_mode, 0660U);
  EXPECT_EQ(settings_of({{"AIVAULTD_SOCKET_DIR_MODE", "2750"}})->directory_mode, 02750U);
  for (const char* text : {"0666", "777", "0o602"}) {
    EXPECT_EQ(refusal({{"AIVAULTD_SOCKET_MODE", text}}), "refusing a socket open to everyone");
    EXPECT_EQ(refusal({{"AIVAULTD_SOCKET_DIR_MODE", text}}), "refusing a socket open to everyone");
  }
  for (const char* text : {"rw", "0x1ff", "688", "0o", "17770", "-600"}) {
    EXPECT_EQ(refusal({{"AIVAULTD_SOCKET_MODE", text}}),
              "invalid AIVAULTD_SOCKET_MODE '" + std::string(text) + "'");
  }
  EXPECT_EQ(refusal({{"AIVAULTD_SOCKET_DIR_MODE", "770"}}),
            "invalid AIVAULTD_SOCKET_DIR_MODE '770'");
}

TEST(Settings, ReadDurationLevelAndFlags) {
  const auto settings = settings_of({{"AIVAULTD_IDLE_EXIT", "15m"},
                                     {"AIVAULTD_LOG", "Debug"},
                                     {"AIVAULTD_REQUIRE_MLOCK", "yes"}});
  EXPECT_EQ(settings->idle_exit, minutes(15));
  EXPECT_EQ(settings->log_level, platform::LogLevel::debug);
  EXPECT_TRUE(settings->require_locked_memory);
  EXPECT_EQ(refusal({{"AIVAULTD_IDLE_EXIT", "soon"}}), "invalid AIVAULTD_IDLE_EXIT 'soon'");
  EXPECT_EQ(refusal({{"AIVAULTD_LOG", "loud"}}), "invalid AIVAULTD_LOG 'loud'");
  EXPECT_EQ(settings_of({}, flags({"--stdio"}))->log_level, platform::LogLevel::warn);
}

TEST(Settings, SayHowTheAuditIsKept) {
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_DURABILITY", "batched"}}), "");
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_DURABILITY", " "}}), "");
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_DURABILITY", "zz"}}), "invalid AIVAULT_AUDIT_DURABILITY 'zz'");
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_DURABILITY", "strict"}}), "");
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_MIRROR", "/m.jsonl"}}), "");
  EXPECT_EQ(refusal({{"AIVAULT_AUDIT_MIRROR", "/m.jsonl"}}, flags({"--stdio"})), "");
}

TEST(Settings, RefuseFlagsThatExcludeEachOther) {
  EXPECT_EQ(refusal({}, flags({"--socket=/s", "--stdio"})),
            "--stdio and --socket exclude each other");
  EXPECT_EQ(refusal({}, flags({"--once", "--stdio"})), "--stdio and --once exclude each other");
  EXPECT_EQ(refusal({}, flags({"--allow-read=/x"})), "--allow-read and --allow-write need --stdio");
  EXPECT_EQ(refusal({}, flags({"--stdio", "--allow-read=/x"})), "");
}

TEST(Settings, NeedAHomeOrADirectory) {
  // With an entry in the password database there always is a home.
  const auto settings = make_settings({}, platform::Environment(Variables{}));
  EXPECT_TRUE(settings || settings.error().message == "no home directory; set AIVAULT_DIR");
}

#ifdef AIVAULT_DEV_OVERRIDES
TEST(Settings, HonourDevelopmentVariables) {
  std::string file = (std::filesystem::temp_directory_path() / "aivault-ca.XXXXXX").string();
  ASSERT_GE(::mkstemp(file.data()), 0);
  std::ofstream(file) << "pem";
  const auto settings = settings_of({{"AIVAULT_DEV_RESOLVE", "api.test=127.0.0.1:8443"},
                                     {"AIVAULT_DEV_CA_CERT_PATH", file},
                                     {"AIVAULT_DEV_ALLOW_NON_DEFAULT_PORTS", "1"},
                                     {"AIVAULT_DEV_ALLOW_SECRET_ECHO", "0"}});
  std::filesystem::remove(file);
  ASSERT_TRUE(settings.has_value());
  ASSERT_EQ(settings->development.addresses.size(), 1U);
  EXPECT_EQ(settings->development.addresses[0].host, "api.test");
  EXPECT_EQ(settings->development.ca_pem, "pem");
  EXPECT_TRUE(settings->development.allow_non_default_ports);
  EXPECT_FALSE(settings->development.secret_echo);
  EXPECT_EQ(refusal({{"AIVAULT_DEV_CA_CERT_PATH", "/nonexistent"}}),
            "invalid AIVAULT_DEV_CA_CERT_PATH '/nonexistent'");
}
#else
TEST(Settings, RefuseDevelopmentVariables) {
  EXPECT_EQ(refusal({{"AIVAULT_DEV_RESOLVE", "a=1.2.3.4"}}),
            "AIVAULT_DEV_RESOLVE is disabled in release builds");
}
#endif

TEST(ReadyDescriptor, IsANumberAboveTheStandardStreams) {
  const auto of = [](const char* text) {
    return ready_descriptor(platform::Environment({{"AIVAULTD_READY_FD", text}}));
  };
  EXPECT_EQ(of("3").value(), 3);
  EXPECT_EQ(of(" ").value(), std::nullopt);
  for (const char* text : {"2", "-1", "three", "3x", "99999999999"}) {
    EXPECT_FALSE(of(text).has_value()) << text;
  }
}

class OwnerTest : public testing::Test {
 protected:
  OwnerTest() {
    if (::geteuid() == 0) EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~OwnerTest() override { std::filesystem::remove_all(directory_); }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to give directories away";
  }
  Settings with(Arguments arguments) {
    return *make_settings(arguments, platform::Environment({{"AIVAULT_DIR", directory_}}));
  }
  std::string directory_ = "/tmp/aivault-owner.XXXXXX";
};

TEST_F(OwnerTest, LetsRootServeItsOwnVaultWithoutCapabilities) {
  EXPECT_FALSE(check_owner(with({})).value());
  EXPECT_FALSE(check_owner(with(flags({"--stdio"}))).value());
}

TEST_F(OwnerTest, MakesAPrivateChildOfRootTheOwnerOfTheVault) {
  ASSERT_EQ(::chown(directory_.c_str(), 1, 1), 0);
  EXPECT_EQ(check_owner(with({})).error().message, "run aivaultd as 'daemon'");
  EXPECT_EQ(check_owner(with(flags({"--stdio"}))).error().message,
            "'" + directory_ + "' belongs to uid 1; create the vault as that user");
  const auto database = directory_ + "/vault.db";
  std::ofstream(database).close();
  EXPECT_FALSE(check_owner(with(flags({"--stdio"}))));
  ASSERT_EQ(::chown(database.c_str(), 1, 1), 0);
  const auto becomes = check_owner(with(flags({"--stdio"}))).value();
  ASSERT_TRUE(becomes);
  EXPECT_EQ(becomes->uid, 1U);
  EXPECT_EQ(becomes->gid, 1U);
  ASSERT_EQ(::chown(directory_.c_str(), 4711, 0), 0);
  ASSERT_EQ(::chown(database.c_str(), 4711, 0), 0);
  const auto nameless = check_owner(with(flags({"--stdio"}))).value();
  ASSERT_TRUE(nameless);
  EXPECT_EQ(nameless->uid, 4711U);
  EXPECT_EQ(nameless->gid, 65534U);
}

}  // namespace
}  // namespace aivault::daemon
