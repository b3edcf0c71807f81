#include <algorithm>
#include <array>
#include <chrono>

#include "admin/attention.h"
#include "admin/doctor_checks.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "admin/visibility.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using json::Value;
void add_problems(const std::vector<vault::Problem>& found, Value& problems) {
  for (const auto& [kind, id, message] : found) {
    problems.push(Value::object({{"id", id}, {"kind", kind}, {"message", message}}));
  }
}

void add_vault_problem(const Error& error, Value& problems) {
  add_problems({{"vault", "vault.db", error.message}}, problems);
}

Value listen_of(const DaemonFacts& facts) {
  return facts.listen.empty() ? Value() : Value(facts.listen);
}

Value mirror_path(const std::string& path) { return path.empty() ? Value() : Value(path); }

void add_mirror_problem(const vault::MirrorState& mirror, Value& problems) {
  if (mirror.problem.empty()) return;
  add_problems({{"audit", "mirror", mirror.problem}}, problems);
}

// Where agents are to have users of their own. `doctor` looks further back, into the audit.
void add_isolation_problem(const DaemonFacts& facts, Value& problems) {
  const auto last = facts.shared && facts.last_own_call ? facts.last_own_call() : std::nullopt;
  if (!last || std::chrono::steady_clock::now() - *last > std::chrono::days(1)) return;
  add_problems({{"isolation", "uid " + std::to_string(facts.uid), isolation_text(facts)}},
               problems);
}

Value daemon_section(const DaemonFacts& facts,
                     std::optional<UnixMs> unlocked_until,
                     std::string_view default_access) {
  if (facts.private_child) return {};
  const auto until = unlocked_until ? std::optional(to_int(*unlocked_until)) : std::nullopt;
  return Value::object({{"defaultAccess", default_access},
                        {"hardening", facts.hardening ? facts.hardening() : Value()},
                        {"listen", listen_of(facts)},
                        {"listenOrigins", texts(facts.listen_origins)},
                        {"pid", facts.pid},
                        {"registryDigest", registry::digest()},
                        {"shared", facts.shared},
                        {"socket", facts.socket},
                        {"uid", facts.uid},
                        {"unlockedUntilMs", until},
                        {"version", facts.version}});
}

Value paths_section(const std::string& root) {
  const std::string database = root + "/vault.db";
  return Value::object({{"auditDir", root + "/audit"},
                        {"capabilitiesPath", database},
                        {"configPath", root + "/vault.json"},
                        {"databasePath", database},
                        {"rootDir", root},
                        {"secretsDir", root}});
}

Value status_section(const vault::Status& status) {
  auto section = to_json(status);
  section.set("writable", status.writable);
  return section;
}

// The vault is there and cannot be used: that is what a status is for.
bool is_worth_a_status(const Error& error) {
  constexpr std::array<std::string_view, 7> kReasons = {"key_unavailable",
                                                        "wrong_key",
                                                        "vault_locked",
                                                        "row_integrity",
                                                        "damaged",
                                                        "not_writable",
                                                        "unsafe_path"};
  return error.code == ErrorCode::vault_unavailable &&
         std::find(kReasons.begin(), kReasons.end(), error.reason) != kReasons.end();
}

std::string_view default_access_of(Desk& desk) {
  const auto vault = desk.slot.peek();
  if (!vault) return "open";
  const auto snapshot = desk.catalog.current(*vault);
  // What cannot be read is closed to those without a record.
  return snapshot ? to_string((*snapshot)->access().default_access()) : "closed";
}

// What a caller learns about itself.
struct Identity {
  Value agent, token;
  std::string_view default_access = "open";
};

Value agent_shape(const catalog::Agent& agent) {
  const auto id = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  const auto expires = agent.expires_at ? std::optional(to_int(*agent.expires_at)) : std::nullopt;
  return Value::object({{"capabilities", texts(agent.capabilities)},
                        {"expiresAtMs", expires},
                        {"groupId", id(agent.group)},
                        {"name", agent.name},
                        {"rateLimitPerMinute", agent.rate_per_minute},
                        {"readOnly", agent.read_only},
                        {"workspaceId", id(agent.workspace)}});
}

// Also of a caller that may do nothing, except that a token has to be a good one. Without an open
// vault only the kernel says who it is.
Result<Identity> identity_of(Desk& desk, const Request& request) {
  Identity identity;
  identity.default_access = default_access_of(desk);
  if (!desk.slot.peek()) {
    if (request.token) return vault_unavailable("vault_locked", "vault locked");
    return identity;
  }
  const auto authority = authority_of(desk, request);
  if (!authority) {
    if (authority.error().code == ErrorCode::token_invalid) return fail(authority.error());
    return identity;
  }
  if (const auto* agent = authority->agent()) identity.agent = agent_shape(*agent);
  if (const auto* token = authority->token()) {
    identity.token = Value::object(
        {{"capabilities", texts(token->capabilities)},
         {"credential", token->credential.empty() ? Value() : Value(token->credential)},
         {"expiresAtMs", to_int(token->expires_at)},
         {"tokenId", token->id}});
  }
  return identity;
}

}  // namespace

Result<Answer> whoami(Desk& desk, const Request& request) {
  const auto& facts = desk.facts;
  TRY_ASSIGN(const auto who, identity_of(desk, request));
  Value result = Value::object({{"agent", who.agent},
                                {"defaultAccess", who.default_access},
                                {"listen", listen_of(facts)},
                                {"operator", request.actor.is_operator},
                                {"pid", facts.pid},
                                {"socket", request.actor.socket},
                                {"token", who.token},
                                {"uid", request.actor.uid},
                                {"user", request.actor.user}});
  if (request.actor.is_operator) {
    const auto& location = desk.slot.options().location;
    result.set("keyVariable", vault::Vault::claimed_status(location).key_variable)
        .set("vaultRoot", location.root);
  }
  return ad_hoc(std::move(result));
}

Result<Answer> status(Desk& desk, const Request&) {
  const auto& options = desk.slot.options();
  vault::Status state;
  Value problems = Value::array();
  const auto vault = looked_at(desk.slot.get_or_create());
  if (vault) {
    state = (*vault)->status();
    add_mirror_problem((*vault)->mirror_state(), problems);
    add_isolation_problem(desk.facts, problems);
    const auto found = find_attention(desk, **vault, Look::first);
    if (found) {
      add_problems(found->records, problems);
      add_problems(found->due, problems);
    } else if (is_worth_a_status(found.error())) {
      add_vault_problem(found.error(), problems);
    } else {
      return fail(found.error());
    }
  } else if (is_worth_a_status(vault.error())) {
    state = vault::Vault::claimed_status(options.location);
    state.enabled = true;
    // Being locked is no fault of the vault's.
    if (vault.error().reason == "vault_locked") {
      state.writable = true;
    } else {
      add_vault_problem(vault.error(), problems);
    }
  } else {
    return fail(vault.error());
  }
  return ad_hoc(Value::object(
      {{"audit",
        Value::object({{"enabled", options.call_records == vault::CallRecords::written},
                       {"mirrorPath", mirror_path(options.audit_mirror)}})},
       {"daemon", daemon_section(desk.facts, desk.slot.unlocked_until(), default_access_of(desk))},
       {"paths", paths_section(options.location.root)},
       {"problems", std::move(problems)},
       {"status", status_section(state)}}));
}

}  // namespace aivault::admin
