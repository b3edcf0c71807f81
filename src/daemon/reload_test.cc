#include "daemon/reload.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/effective.h"

namespace aivault::daemon {
namespace {

using Names = std::vector<std::string>;

TEST(ChangesOfConfiguration, AreAppliedOrNeedARestart) {
  const KeyValues in_force = {{"limits.calls", "1"}, {"listen", "null"}, {"log_level", "info"}};
  auto wanted = in_force;
  EXPECT_TRUE(changes_between(in_force, wanted).applied.empty());
  EXPECT_TRUE(changes_between(in_force, wanted).need_restart.empty());
  wanted["limits.calls"] = "2";
  wanted["listen"] = "127.0.0.1:1";
  const auto changes = changes_between(in_force, wanted);
  EXPECT_EQ(changes.applied, Names{"limits.calls"});
  EXPECT_EQ(changes.need_restart, Names{"listen"});
}

// Whoever adds a key says here which kind it is.
TEST(ChangesOfConfiguration, KnowEveryKey) {
  auto wanted = effective_keys(Settings());
  for (auto& [key, value] : wanted) value += " otherwise";
  const auto changes = changes_between(effective_keys(Settings()), wanted);
  EXPECT_EQ(changes.applied,
            (Names{"drain_timeout",
                   "idle_exit",
                   "limits.calls",
                   "limits.calls_per_identity",
                   "limits.connections",
                   "limits.connections_per_uid",
                   "limits.websocket_message",
                   "log_level"}));
  EXPECT_EQ(changes.need_restart,
            (Names{"audit_durability",
                   "audit_mirror",
                   "limits.memory",
                   "listen",
                   "listen_origins",
                   "require_mlock",
                   "sandbox.mode",
                   "sandbox.read",
                   "sandbox.require",
                   "sandbox.write",
                   "shared",
                   "shared_socket",
                   "socket",
                   "socket_dir_mode",
                   "socket_mode"}));
}

TEST(EffectiveKeys, SayWhatIsInForceWithoutItsSource) {
  Settings settings;
  settings.configuration_files = {"/etc/aivault/aivaultd.toml"};
  settings.limits.calls = 7;
  settings.listen_origins = {"http://app.test"};
  const auto keys = effective_keys(settings);
  EXPECT_EQ(keys.at("limits.calls"), "7");
  EXPECT_EQ(keys.at("listen_origins"), R"(["http://app.test"])");
  EXPECT_EQ(keys.at("log_level"), R"("info")");
  EXPECT_FALSE(keys.contains("files"));
}

}  // namespace
}  // namespace aivault::daemon
