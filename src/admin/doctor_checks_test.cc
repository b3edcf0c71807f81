#include "admin/doctor_checks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "admin/desk_fixture.h"

namespace aivault::admin {
namespace {

using json::Value;
using Check = vault::Vault::Check;
using State = Check::State;

// A daemon as it should be, but for one value.
Value hardened(std::string_view key = "", Value value = {}) {
  auto state = Value::object({{"coreDumps", "off"},
                              {"dumpable", false},
                              {"landlock", Value::object({{"abi", 3}, {"state", "on"}})},
                              {"memoryLocked", true},
                              {"noNewPrivs", true},
                              {"sandboxMode", "enforce"},
                              {"seccomp", "on"},
                              {"swap", "none"}});
  if (!key.empty()) state.set(key, std::move(value));
  return state;
}

std::map<std::string, State> states_of(std::function<Value()> hardening) {
  DaemonFacts facts;
  facts.hardening = std::move(hardening);
  std::map<std::string, State> states;
  for (const auto& check : checks_of_process(facts)) states.emplace(check.id, check.state);
  return states;
}

TEST(DoctorOfTheProcess, IsContentWithAHardenedDaemon) {
  const auto states = states_of([] { return hardened(); });
  EXPECT_EQ(states.size(), 9U);
  for (const auto& [id, state] : states) EXPECT_EQ(state, State::ok) << id;
}

TEST(DoctorOfTheProcess, NamesEveryLayerThatIsMissing) {
  struct Row {
    std::string id;
    State state;
    std::function<Value()> hardening;
  };
  const std::vector<Row> rows = {
      {"dumpable", State::fail, [] { return hardened("dumpable", true); }},
      {"core-dumps", State::fail, [] { return hardened("coreDumps", "on"); }},
      {"memory-lock", State::warn, [] { return hardened("memoryLocked", false); }},
      {"swap", State::warn, [] { return hardened("swap", "possible"); }},
      {"swap", State::warn, [] { return hardened("swap", "unknown"); }},
      {"no-new-privs", State::fail, [] { return hardened("noNewPrivs", false); }},
      {"seccomp", State::warn, [] { return hardened("seccomp", "unavailable"); }},
      {"landlock",
       State::warn,
       [] { return hardened("landlock", Value::object({{"abi", 0}, {"state", "off"}})); }},
      {"sandbox-mode", State::fail, [] { return hardened("sandboxMode", "off"); }},
      {"sandbox-mode", State::warn, [] { return hardened("sandboxMode", "unavailable"); }},
  };
  for (const auto& row : rows) {
    for (const auto& [id, state] : states_of(row.hardening)) {
      EXPECT_EQ(state, id == row.id ? row.state : State::ok) << id << " for " << row.id;
    }
  }
}

TEST(DoctorOfTheProcess, SaysNothingOfAPrivateChild) {
  DaemonFacts facts;
  facts.hardening = [] { return hardened(); };
  facts.private_child = true;
  EXPECT_TRUE(checks_of_process(facts).empty());
}

// Of one check: state, detail.
using Verdict = std::pair<State, std::string>;
Verdict verdict_of(const DaemonFacts& facts, std::string_view id) {
  for (const auto& check : checks_of_surroundings(facts)) {
    if (check.id == id) return {check.state, check.detail};
  }
  return {State::ok, "not checked"};
}

TEST(DoctorOfTheConfiguration, ComparesFilesWithWhatIsInForce) {
  DaemonFacts facts;
  EXPECT_EQ(verdict_of(facts, "config"), Verdict(State::ok, "not checked"));
  ConfigurationState state;
  facts.configuration = [&state] { return state; };
  EXPECT_EQ(verdict_of(facts, "config"),
            Verdict(State::ok, "no file; in force: everything as built in"));
  state.files = {"/a.toml", "/b.toml"};
  state.in_force = {"limits.calls = 9", "shared = true"};
  EXPECT_EQ(verdict_of(facts, "config"),
            Verdict(State::ok, "/a.toml, /b.toml; in force: limits.calls = 9, shared = true"));
  state.to_restart = {"listen"};
  EXPECT_EQ(verdict_of(facts, "config"), Verdict(State::warn, "changed since the start: listen"));
  state.to_reload = {"limits.calls"};
  EXPECT_EQ(verdict_of(facts, "config"),
            Verdict(State::warn, "changed since it was read: limits.calls"));
  state.problem = "unsafe configuration file '/a.toml': others can write it";
  EXPECT_EQ(verdict_of(facts, "config"),
            Verdict(State::fail, state.problem + "; what was read before is in force"));
}

TEST(DoctorOfTheConfiguration, SaysInAPrivateChildThatFilesCanBeRead) {
  DaemonFacts facts;
  facts.private_child = true;
  ConfigurationState state;
  state.to_reload = {"limits.calls"};
  facts.configuration = [&state] { return state; };
  EXPECT_EQ(verdict_of(facts, "config"), Verdict(State::ok, "no file"));
  state.files = {"/a.toml"};
  EXPECT_EQ(verdict_of(facts, "config"), Verdict(State::ok, "/a.toml can be read"));
  state.problem = "/a.toml:1: unknown key 'x'";
  EXPECT_EQ(verdict_of(facts, "config"), Verdict(State::fail, state.problem));
}

TEST(DoctorOfDevelopment, FailsWhereAnOverrideIsSet) {
  DaemonFacts facts;
  EXPECT_EQ(verdict_of(facts, "dev-overrides"), Verdict(State::ok, "none"));
  facts.development = {"AIVAULT_DEV_A", "AIVAULT_DEV_B"};
  EXPECT_EQ(verdict_of(facts, "dev-overrides"),
            Verdict(State::fail, "set: AIVAULT_DEV_A, AIVAULT_DEV_B"));
}

TEST(DoctorOfTheTrustStore, FailsWithoutRoots) {
  DaemonFacts facts;
  Result<std::size_t> roots = std::size_t{3};
  facts.count_roots = [&roots] { return roots; };
  EXPECT_EQ(verdict_of(facts, "trust-store"), Verdict(State::ok, "3 root certificates"));
  roots = std::size_t{0};
  EXPECT_EQ(verdict_of(facts, "trust-store"),
            Verdict(State::fail, "this machine has no root certificates"));
  roots = fail(ErrorCode::upstream_unreachable, "tls", "/x holds no PEM certificates");
  EXPECT_EQ(verdict_of(facts, "trust-store"), Verdict(State::fail, "/x holds no PEM certificates"));
}

TEST(DoctorOfDns, LooksUpOneNameOfAReadyCredential) {
  std::vector<std::string> asked;
  bool is_found = true;
  DaemonFacts facts;
  facts.look_up = [&](const http::Authority& host) -> Result<void> {
    asked.push_back(host.text());
    if (is_found) return {};
    return fail(ErrorCode::upstream_unreachable, "dns", "no answer");
  };
  catalog::Credential disabled;
  disabled.state = catalog::CredentialState::disabled;
  disabled.policy.hosts = {"off.test"};
  catalog::Credential by_address;
  by_address.policy.hosts = {"10.0.0.1:8443", "[::1]:443"};
  EXPECT_EQ(check_dns(facts, {disabled, by_address}).state, State::ok);
  EXPECT_TRUE(asked.empty());
  catalog::Credential named;
  named.policy.hosts = {"10.0.0.1", "api.test:8443", "other.test"};
  EXPECT_EQ(check_dns(facts, {disabled, by_address, named}).state, State::ok);
  EXPECT_EQ(asked, std::vector<std::string>{"api.test:8443"});
  is_found = false;
  const auto check = check_dns(facts, {named, named});
  EXPECT_EQ(check.state, State::warn);
  EXPECT_EQ(check.detail, "'api.test' is not found: no answer");
  EXPECT_EQ(asked.size(), 2U);
}

TEST(DoctorOfIsolation, WarnsOfCallersOfItsOwnUserWhereOthersAreMeantToCall) {
  DaemonFacts facts;
  facts.uid = 1000;
  EXPECT_EQ(check_isolation(facts, false).state, State::ok);
  EXPECT_EQ(check_isolation(facts, true).state, State::ok);
  facts.shared = true;
  EXPECT_EQ(check_isolation(facts, false).state, State::ok);
  const auto check = check_isolation(facts, true);
  EXPECT_EQ(check.state, State::warn);
  EXPECT_EQ(check.detail, "callers under uid 1000 are not isolated from the vault");
}

class DoctorOfAccess : public DeskFixture {
 protected:
  // What the daemon's part of `doctor` says, by its id.
  std::map<std::string, std::string> checks() {
    const auto answer = ask("GET", "/aivault/doctor");
    EXPECT_TRUE(answer);
    std::map<std::string, std::string> found;
    if (!answer) return found;
    for (const auto& check : answer->result.find("checks")->items()) {
      found.emplace(check.find("id")->text(),
                    std::string(check.find("status")->text()) + ": " +
                        std::string(check.find("detail")->text()));
    }
    return found;
  }
};

TEST_F(DoctorOfAccess, LooksAtAgentsAndTheDefaultAccess) {
  vault();
  EXPECT_EQ(checks().at("agents"), "ok: 0 agents");
  EXPECT_EQ(checks().at("default-access"),
            "ok: open: who reaches the socket may invoke what needs no grant of its own");
  EXPECT_EQ(checks().at("isolation"), "ok: no call of the daemon's own user since yesterday");
  ok("POST", "/aivault/agents", R"({"name":"ci","user":"daemon"})");
  EXPECT_EQ(checks().at("agents"), "ok: 1 agents");
  EXPECT_EQ(checks().at("default-access"), "ok: closed: users without an agent may do nothing");
  ok("PUT", "/aivault/access", R"({"defaultAccess":"open"})");
  EXPECT_EQ(
      checks().at("default-access"),
      "warn: open, although there are agents: users without one may invoke what needs no grant");
  ok("PATCH", "/aivault/agents/ci", R"({"expiresAtMs":1})");
  EXPECT_EQ(checks().at("agents"), "warn: agent 'ci' has expired");
}

TEST(DoctorOfAgents, FailsWhereAnAgentIsDamaged) {
  const auto uid_of = [](std::string_view) { return std::optional<std::int64_t>(); };
  const auto checks = checks_of_access({}, {{"agent", "a", "cannot be read"}}, {}, uid_of);
  EXPECT_EQ(checks.front().state, State::fail);
  EXPECT_EQ(checks.front().detail, "an agent is damaged: cannot be read");
}

// The uid is taken when the agent is made; the user may be another one since.
TEST_F(DoctorOfAccess, FailsWhereAUserIsGoneOrHasAnotherUid) {
  vault();
  ok("POST", "/aivault/agents", R"({"name":"ci","user":"daemon"})");
  const auto seen = snapshot();
  const auto with = [&](std::optional<std::int64_t> uid) {
    const auto checks =
        checks_of_access(seen->access(), {}, {}, [uid](std::string_view) { return uid; });
    return std::pair(checks.front().state, checks.front().detail);
  };
  EXPECT_EQ(with(1), std::pair(State::ok, std::string("1 agents")));
  EXPECT_EQ(
      with(4711),
      std::pair(State::fail, std::string("agent 'ci': user 'daemon' has uid 4711 now, not 1")));
  EXPECT_EQ(with({}),
            std::pair(State::fail, std::string("agent 'ci': user 'daemon' does not exist")));
}

}  // namespace
}  // namespace aivault::admin
