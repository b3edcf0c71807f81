#include "admin/doctor_checks.h"

#include <string>
#include <utility>

namespace aivault::admin {
namespace {

using Check = vault::Vault::Check;
using State = Check::State;

std::string_view text_in(const json::Value& object, std::string_view key) {
  const auto* value = object.find(key);
  return value != nullptr && value->is(json::Kind::string) ? value->text() : std::string_view();
}

bool is_true(const json::Value& object, std::string_view key) {
  const auto* value = object.find(key);
  return value != nullptr && value->is(json::Kind::boolean) && value->boolean();
}

Check check(std::string id, State state, std::string detail, std::string hint = "") {
  return {std::move(id), state, std::move(detail), std::move(hint)};
}

Check either(std::string id, bool good, State otherwise, std::string_view well, Check bad) {
  if (good) return check(std::move(id), State::ok, std::string(well));
  return {std::move(id), otherwise, std::move(bad.detail), std::move(bad.hint)};
}

Check check_layer(std::string id, std::string_view state) {
  if (state == "on") return check(std::move(id), State::ok, "on");
  return check(std::move(id),
               State::warn,
               std::string(state.empty() ? "unavailable" : state),
               "aivaultd --self-test sandbox says which layer is missing");
}

Check check_sandbox_mode(std::string_view mode) {
  if (mode == "enforce") return check("sandbox-mode", State::ok, "enforce");
  if (mode == "off") {
    return check("sandbox-mode",
                 State::fail,
                 "the sandbox is switched off (sandbox.mode)",
                 "take sandbox.mode out of the configuration, then aivault restart");
  }
  return check("sandbox-mode", State::warn, "this build has no sandbox", "use a release build");
}

// Of one agent; ok: nothing is wrong with it.
Check judge(const catalog::Agent& agent, UnixMs now, const UidOfUser& uid_of_user) {
  const auto whose = "agent '" + agent.name + "'";
  const auto again = "aivault agent delete " + agent.name + ", then create it again";
  if (agent.uid && !agent.user.empty()) {
    const auto present = uid_of_user(agent.user);
    if (!present) {
      return check(
          "agents", State::fail, whose + ": user '" + agent.user + "' does not exist", again);
    }
    if (*present != *agent.uid) {
      return check("agents",
                   State::fail,
                   whose + ": user '" + agent.user + "' has uid " + std::to_string(*present) +
                       " now, not " + std::to_string(*agent.uid),
                   again);
    }
  }
  if (agent.expires_at && *agent.expires_at <= now) {
    return check("agents",
                 State::warn,
                 whose + " has expired",
                 "aivault agent update " + agent.name + ", or delete it");
  }
  return check("agents", State::ok, "");
}

Check check_agents(const catalog::Access& access,
                   const std::vector<vault::Problem>& problems,
                   UnixMs now,
                   const UidOfUser& uid_of_user) {
  for (const auto& problem : problems) {
    if (problem.kind != "agent") continue;
    return check("agents",
                 State::fail,
                 "an agent is damaged: " + problem.message,
                 "aivault agent delete, then create it again");
  }
  auto worst = check("agents", State::ok, std::to_string(access.agents().size()) + " agents");
  for (const auto& agent : access.agents()) {
    auto one = judge(agent, now, uid_of_user);
    if (one.state > worst.state) worst = std::move(one);
  }
  return worst;
}

Check check_default_access(const catalog::Access& access) {
  if (access.default_access() == catalog::DefaultAccess::closed) {
    return check("default-access", State::ok, "closed: users without an agent may do nothing");
  }
  if (access.agents().empty()) {
    return check("default-access",
                 State::ok,
                 "open: who reaches the socket may invoke what needs no grant of its own");
  }
  return check("default-access",
               State::warn,
               "open, although there are agents: users without one may invoke what needs no grant",
               "aivault agent default-access closed");
}

std::string listed(const std::vector<std::string>& texts, std::string_view between) {
  std::string whole;
  for (const auto& text : texts) {
    if (!whole.empty()) whole += between;
    whole += text;
  }
  return whole;
}

// A private child takes little of it; that it can be read is all it says.
Check check_config_of_child(const ConfigurationState& state) {
  if (!state.problem.empty()) {
    return check("config", State::fail, state.problem, "aivaultd --check-config");
  }
  if (state.files.empty()) return check("config", State::ok, "no file");
  return check("config", State::ok, listed(state.files, ", ") + " can be read");
}

Check check_config(const ConfigurationState& state) {
  if (!state.problem.empty()) {
    return check("config",
                 State::fail,
                 state.problem + "; what was read before is in force",
                 "aivaultd --check-config");
  }
  if (!state.to_reload.empty()) {
    return check("config",
                 State::warn,
                 "changed since it was read: " + listed(state.to_reload, ", "),
                 "systemctl reload, or kill -HUP");
  }
  if (!state.to_restart.empty()) {
    return check("config",
                 State::warn,
                 "changed since the start: " + listed(state.to_restart, ", "),
                 "aivault restart, or systemctl restart");
  }
  const auto source = state.files.empty() ? "no file" : listed(state.files, ", ");
  const auto values =
      state.in_force.empty() ? "everything as built in" : listed(state.in_force, ", ");
  return check("config", State::ok, source + "; in force: " + values);
}

Check check_trust_store(const Result<std::size_t>& roots) {
  constexpr std::string_view kHint = "apt-get install ca-certificates";
  if (!roots) return check("trust-store", State::fail, roots.error().message, std::string(kHint));
  if (*roots == 0) {
    return check(
        "trust-store", State::fail, "this machine has no root certificates", std::string(kHint));
  }
  return check("trust-store", State::ok, std::to_string(*roots) + " root certificates");
}

// The first that is a name, of a credential that takes part in calls.
std::optional<http::Authority> host_to_look_up(
    const std::vector<catalog::Credential>& credentials) {
  for (const auto& credential : credentials) {
    if (credential.state != catalog::CredentialState::ready) continue;
    for (const auto& host : credential.policy.hosts) {
      auto authority = http::parse_authority(host);
      if (authority && !policy::parse_ip(authority->host())) return *std::move(authority);
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<Check> checks_of_process(const DaemonFacts& facts) {
  if (facts.private_child || !facts.hardening) return {};
  const auto state = facts.hardening();
  const auto* landlock = state.find("landlock");
  const bool may_swap = text_in(state, "swap") != "none";
  return {
      either("dumpable",
             !is_true(state, "dumpable"),
             State::fail,
             "nobody but root can look into the daemon",
             {{}, {}, "programs of its user can look into the daemon", "aivault restart"}),
      either("core-dumps",
             text_in(state, "coreDumps") == "off",
             State::fail,
             "off",
             {{}, {}, "a crash would write a core", "aivault restart"}),
      either("memory-lock",
             is_true(state, "memoryLocked"),
             State::warn,
             "secrets are on locked pages",
             {{}, {}, "memory cannot be locked", "raise LimitMEMLOCK= or ulimit -l"}),
      either("swap",
             !may_swap,
             State::warn,
             "none",
             {{}, {}, "buffers may reach swap", "MemorySwapMax=0 in the unit, or encrypted swap"}),
      either("no-new-privs",
             is_true(state, "noNewPrivs"),
             State::fail,
             "the daemon cannot gain privileges",
             {{}, {}, "the daemon could gain privileges", "aivault restart"}),
      check_layer("seccomp", text_in(state, "seccomp")),
      check_layer("landlock",
                  landlock != nullptr ? text_in(*landlock, "state") : std::string_view()),
      check_sandbox_mode(text_in(state, "sandboxMode")),
      check("listener",
            State::ok,
            facts.listen.empty() ? "no TCP" : facts.listen + ", for this machine alone"),
  };
}

std::vector<Check> checks_of_surroundings(const DaemonFacts& facts) {
  std::vector<Check> checks;
  if (facts.configuration) {
    const auto state = facts.configuration();
    checks.push_back(facts.private_child ? check_config_of_child(state) : check_config(state));
  }
  checks.push_back(either("dev-overrides",
                          facts.development.empty(),
                          State::fail,
                          "none",
                          {{},
                           {},
                           "set: " + listed(facts.development, ", "),
                           "unset them, then aivault restart; use a release build"}));
  if (facts.count_roots) checks.push_back(check_trust_store(facts.count_roots()));
  return checks;
}

Check check_dns(const DaemonFacts& facts, const std::vector<catalog::Credential>& credentials) {
  const auto host = host_to_look_up(credentials);
  if (!host || !facts.look_up) {
    return check("dns", State::ok, "no credential has a host whose name is to be looked up");
  }
  const auto found = facts.look_up(*host);
  if (found) return check("dns", State::ok, "'" + host->host() + "' has addresses");
  return check("dns",
               State::warn,
               "'" + host->host() + "' is not found: " + found.error().message,
               "getent ahosts " + host->host());
}

std::vector<Check> checks_of_access(const catalog::Access& access,
                                    const std::vector<vault::Problem>& problems,
                                    UnixMs now,
                                    const UidOfUser& uid_of_user) {
  return {check_agents(access, problems, now, uid_of_user), check_default_access(access)};
}

std::string isolation_text(const DaemonFacts& facts) {
  return "callers under uid " + std::to_string(facts.uid) + " are not isolated from the vault";
}

Check check_isolation(const DaemonFacts& facts, bool has_own_callers) {
  if (!has_own_callers) {
    return check("isolation", State::ok, "no call of the daemon's own user since yesterday");
  }
  auto detail = isolation_text(facts);
  // In a person's own vault that is how it is; agents of a server are to have users of their own.
  if (!facts.shared) return check("isolation", State::ok, std::move(detail));
  return check("isolation",
               State::warn,
               std::move(detail),
               "run agents as another user: aivault setup agent-access");
}

}  // namespace aivault::admin
