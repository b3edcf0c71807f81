#include "daemon/config_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace aivault::daemon {
namespace {

using std::chrono::seconds;
using Texts = std::vector<std::string>;

std::string refusal(std::string_view text) {
  Configuration configuration;
  const auto parsed = parse_configuration(text, "/f.toml", configuration);
  return parsed ? "" : parsed.error().message;
}

Configuration parsed(std::string_view text) {
  Configuration configuration;
  const auto done = parse_configuration(text, "/f.toml", configuration);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return configuration;
}

TEST(Configuration, SaysWhatEveryKeySays) {
  const auto all = parsed(R"(
    socket = "/s"
    shared_socket = "/a"
    shared = true
    socket_mode = "0660"
    socket_dir_mode = "0o2750"
    listen = "[::1]:8787"
    listen_origins = ["http://localhost:3000"]
    idle_exit = "15m"
    drain_timeout = 20
    log_level = "debug"
    audit_mirror = "/m.jsonl"
    audit_durability = "strict"
    require_mlock = true
    [limits]
    connections = 10
    connections_per_uid = 9
    calls = 8
    calls_per_identity = 7
    memory = "64MiB"
    websocket_message = "2MiB"
    [sandbox]
    mode = "off"
    require = false
    read = ["/r"]
    write = ["/w", "/x"]
  )");
  const std::map<std::string, std::string, std::less<>> variables = {
      {"AIVAULTD_SOCKET", "/s"},
      {"AIVAULTD_SHARED_SOCKET", "/a"},
      {"AIVAULTD_SOCKET_MODE", "0660"},
      {"AIVAULTD_SOCKET_DIR_MODE", "0o2750"},
      {"AIVAULTD_LISTEN", "[::1]:8787"},
      {"AIVAULTD_IDLE_EXIT", "900000ms"},
      {"AIVAULTD_LOG", "debug"},
      {"AIVAULT_AUDIT_MIRROR", "/m.jsonl"},
      {"AIVAULT_AUDIT_DURABILITY", "strict"},
      {"AIVAULTD_REQUIRE_MLOCK", "true"},
  };
  EXPECT_EQ(all.variables, variables);
  EXPECT_EQ(all.shared, true);
  EXPECT_EQ(all.listen_origins, Texts{"http://localhost:3000"});
  EXPECT_EQ(all.drain_timeout, seconds(20));
  EXPECT_EQ(all.connections, 10U);
  EXPECT_EQ(all.connections_per_uid, 9U);
  EXPECT_EQ(all.calls, 8U);
  EXPECT_EQ(all.calls_per_identity, 7U);
  EXPECT_EQ(all.memory, std::size_t{64} << 20U);
  EXPECT_EQ(all.websocket_message, std::size_t{2} << 20U);
  EXPECT_EQ(all.enforces_sandbox, false);
  EXPECT_EQ(all.requires_sandbox, false);
  EXPECT_EQ(all.readable, Texts{"/r"});
  EXPECT_EQ(all.writable, (Texts{"/w", "/x"}));
}

TEST(Configuration, MayBeEmpty) {
  EXPECT_EQ(refusal(""), "");
  EXPECT_EQ(refusal("# nothing but a comment\n[limits]\n[sandbox]\n"), "");
  EXPECT_EQ(parsed("sandbox.mode = \"enforce\"").enforces_sandbox, true);
}

TEST(Configuration, RefusesUnknownKeysWithTheirLineAndAHint) {
  EXPECT_EQ(refusal("\nsokcet = 1\n"), "/f.toml:2: unknown key 'sokcet'; did you mean 'socket'?");
  EXPECT_EQ(refusal("[limits]\nconections = 1\n"),
            "/f.toml:2: unknown key 'limits.conections'; did you mean 'limits.connections'?");
  EXPECT_EQ(refusal("[sandbox]\nmode = 'off'\n[vault]\nkey = 'x'\n"),
            "/f.toml:3: unknown key 'vault'");
  EXPECT_EQ(refusal("limits = 3"), "/f.toml:1: unknown key 'limits'");
  EXPECT_EQ(refusal("[sandbox.more]\nx = 1"),
            "/f.toml:1: unknown key 'sandbox.more'; did you mean 'sandbox.mode'?");
  EXPECT_EQ(refusal("'a\\u001b' = 1"), "/f.toml:1: unknown key 'a\\u001b'");
}

TEST(Configuration, RefusesWrongTypesAndValuesOutOfRange) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"socket = 1", "'socket' must be an absolute path"},
      {"socket = 'relative'", "'socket' must be an absolute path"},
      {"shared = 'yes'", "'shared' must be true or false"},
      {"require_mlock = 1", "'require_mlock' must be true or false"},
      {"socket_mode = 0o660", "'socket_mode' must be an octal mode such as \"0660\""},
      {"socket_mode = 'rw'", "'socket_mode' must be an octal mode such as \"0660\""},
      {"listen = '0.0.0.0:1'", "'listen' must be a loopback address such as \"127.0.0.1:8787\""},
      {"listen_origins = ['*']",
       "'listen_origins' must be a list of origins such as [\"http://localhost:3000\"]"},
      {"idle_exit = 'soon'", "'idle_exit' must be a time such as \"15m\", 0 for never"},
      {"idle_exit = -1", "'idle_exit' must be a time such as \"15m\", 0 for never"},
      {"drain_timeout = '6m'",
       "'drain_timeout' must be a time of at most 5 minutes, such as \"10s\""},
      {"log_level = 'loud'", "'log_level' must be \"error\", \"warn\", \"info\" or \"debug\""},
      {"audit_durability = 'none'", "'audit_durability' must be \"batched\" or \"strict\""},
      {"limits.connections = 0", "'limits.connections' must be a number from 1 to 65536"},
      {"limits.calls = 65537", "'limits.calls' must be a number from 1 to 65536"},
      {"limits.calls = 1.5", "'limits.calls' must be a number from 1 to 65536"},
      {"limits.memory = '31MiB'", "'limits.memory' must be a size of at least \"32MiB\""},
      {"limits.websocket_message = '2GiB'",
       "'limits.websocket_message' must be a size from \"1KiB\" to \"1GiB\""},
      {"limits.memory = '99999999999GiB'", "'limits.memory' must be a size of at least \"32MiB\""},
      {"sandbox.mode = 'log'", "'sandbox.mode' must be \"enforce\" or \"off\""},
      {"sandbox.read = '/r'", "'sandbox.read' must be a list of absolute paths"},
      {"sandbox.write = ['w']", "'sandbox.write' must be a list of absolute paths"},
  };
  for (const auto& [text, complaint] : rows) {
    EXPECT_EQ(refusal("\n\n" + text), "/f.toml:3: " + complaint);
  }
  EXPECT_EQ(parsed("limits.memory = 33554432").memory, std::size_t{32} << 20U);
}

TEST(Configuration, RefusesWhatIsNoToml) {
  for (const auto* text :
       {"socket", "socket = ", "[limits", "shared = true\nshared = true", "\xff"}) {
    EXPECT_TRUE(refusal(text).starts_with("/f.toml:")) << text;
  }
  EXPECT_TRUE(refusal("socket = '/a'\nsocket = '/b'").starts_with("/f.toml:2: "));
}

TEST(Configuration, TakesALaterFileBeforeAnEarlierOneKeyByKey) {
  Configuration both;
  ASSERT_TRUE(parse_configuration("socket = '/a'\nlog_level = 'warn'", "/1", both));
  ASSERT_TRUE(parse_configuration("socket = '/b'\nlimits.calls = 3", "/2", both));
  const platform::Environment bare(std::map<std::string, std::string>{});
  EXPECT_EQ(both.text(bare, "AIVAULTD_SOCKET"), "/b");
  EXPECT_EQ(both.text(bare, "AIVAULTD_LOG"), "warn");
  EXPECT_EQ(both.calls, 3U);
}

TEST(Configuration, ComesAfterVariables) {
  const auto files = parsed("socket = '/file'\nrequire_mlock = true");
  const platform::Environment environment(
      {{"AIVAULTD_SOCKET", "/variable"}, {"AIVAULTD_REQUIRE_MLOCK", "0"}});
  EXPECT_EQ(files.path(environment, "AIVAULTD_SOCKET"), "/variable");
  EXPECT_FALSE(files.flag(environment, "AIVAULTD_REQUIRE_MLOCK"));
  const platform::Environment blank({{"AIVAULTD_SOCKET", " "}});
  EXPECT_EQ(files.path(blank, "AIVAULTD_SOCKET"), "/file");
  EXPECT_TRUE(files.flag(blank, "AIVAULTD_REQUIRE_MLOCK"));
}

class ConfigurationFile : public testing::Test {
 protected:
  ConfigurationFile() { EXPECT_NE(::mkdtemp(directory_.data()), nullptr); }
  ~ConfigurationFile() override { std::filesystem::remove_all(directory_); }

  void write(std::string_view text, mode_t mode = 0644) {
    std::ofstream(file_) << text;
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
  }
  Result<Configuration> read(const std::optional<std::string>& only = {}) {
    return read_configuration(platform::Environment({{"AIVAULT_DIR", directory_}}), only);
  }
  std::string refused(const std::optional<std::string>& only = {}) {
    const auto files = read(only);
    return files ? "" : files.error().message;
  }

  std::string directory_ = "/tmp/aivault-config.XXXXXX";
  std::string file_ = directory_;
  void SetUp() override { file_ = directory_ + "/config.toml"; }
};

TEST_F(ConfigurationFile, IsFoundWhereTheVaultIs) {
  EXPECT_EQ(read()->variables.size(), 0U);
  write("socket = '/s'");
  const auto files = read();
  ASSERT_TRUE(files);
  EXPECT_EQ(files->variables.at("AIVAULTD_SOCKET"), "/s");
  EXPECT_EQ(files->files.back(), file_);
}

TEST_F(ConfigurationFile, IsReadAloneWhenItIsNamed) {
  write("socket = '/s'");
  const auto other = directory_ + "/other.toml";
  std::ofstream(other) << "log_level = 'warn'";
  const auto files = read(other);
  ASSERT_TRUE(files);
  EXPECT_FALSE(files->variables.contains("AIVAULTD_SOCKET"));
  EXPECT_EQ(files->files, Texts{other});
  EXPECT_EQ(refused(directory_ + "/none"),
            "cannot read '" + directory_ + "/none': No such file or directory");
}

TEST_F(ConfigurationFile, IsRefusedWhenOthersCouldHaveWrittenIt) {
  const auto unsafe = "unsafe configuration file '" + file_ + "': ";
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    write("", mode);
    EXPECT_EQ(refused(), unsafe + "others can write it");
  }
  std::filesystem::remove(file_);
  std::filesystem::create_symlink("/dev/null", file_);
  EXPECT_EQ(refused(), unsafe + "a symbolic link");
  std::filesystem::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_EQ(refused(), unsafe + "not a file");
  std::filesystem::remove(file_);
  write(std::string(70'000, '#'));
  EXPECT_EQ(refused(), unsafe + "it is too large");
  if (::geteuid() != 0) return;
  write("");
  ASSERT_EQ(::chown(file_.c_str(), 1, 1), 0);
  EXPECT_EQ(refused(), unsafe + "it belongs to another user");
  // The vault of somebody else: root reads no file of his.
  ASSERT_EQ(::chown(directory_.c_str(), 1, 1), 0);
  EXPECT_EQ(refused(), "");
}

}  // namespace
}  // namespace aivault::daemon
