#include <algorithm>
#include <array>

#include "admin/attention.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
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

Value mirror_path(const std::string& path) { return path.empty() ? Value() : Value(path); }

void add_mirror_problem(const vault::MirrorState& mirror, Value& problems) {
  if (mirror.problem.empty()) return;
  add_problems({{"audit", "mirror", mirror.problem}}, problems);
}

Value daemon_section(const DaemonFacts& facts, std::optional<UnixMs> unlocked_until) {
  if (facts.private_child) return {};
  const auto until = unlocked_until ? std::optional(to_int(*unlocked_until)) : std::nullopt;
  return Value::object({{"defaultAccess", "open"},
                        {"hardening", facts.hardening ? facts.hardening() : Value()},
                        {"listen", nullptr},
                        {"listenOrigins", Value::array()},
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

}  // namespace

Result<Answer> whoami(Desk& desk, const Request& request) {
  const auto& facts = desk.facts;
  Value result = Value::object({{"agent", nullptr},
                                {"defaultAccess", "open"},
                                {"listen", nullptr},
                                {"operator", request.actor.is_operator},
                                {"pid", facts.pid},
                                {"socket", request.actor.socket},
                                {"token", nullptr},
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
       {"daemon", daemon_section(desk.facts, desk.slot.unlocked_until())},
       {"paths", paths_section(options.location.root)},
       {"problems", std::move(problems)},
       {"status", status_section(state)}}));
}

}  // namespace aivault::admin
