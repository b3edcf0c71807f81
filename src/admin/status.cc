#include <array>
#include <chrono>

#include "admin/handlers.h"
#include "admin/shapes.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using json::Value;
using std::chrono::days;

constexpr auto kExpiryNotice = days(14);
constexpr std::size_t kPage = 1000;

UnixMs now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Value problem(std::string_view kind, std::string_view id, std::string_view message) {
  return Value::object({{"id", id}, {"kind", kind}, {"message", message}});
}

std::optional<std::string> due(const vault::SecretRecord& secret, UnixMs at) {
  if (secret.revoked_at) return std::nullopt;
  if (secret.expires_at && *secret.expires_at <= at)
    return "secret " + secret.name + " has expired";
  if (secret.expires_at && *secret.expires_at - at <= kExpiryNotice) {
    const auto left = std::chrono::ceil<days>(*secret.expires_at - at).count();
    return "secret " + secret.name + " expires in " + std::to_string(left) +
           (left == 1 ? " day" : " days");
  }
  if (secret.rotate_every_days && secret.value_changed_at + days(*secret.rotate_every_days) <= at) {
    return "secret " + secret.name + " is due for rotation (every " +
           std::to_string(*secret.rotate_every_days) + " days)";
  }
  return std::nullopt;
}

Result<void> add_due_secrets(vault::Vault& vault, Value& problems) {
  const auto at = now();
  std::optional<vault::Reader::After> after;
  for (;;) {
    TRY_ASSIGN(const auto page, vault::read(vault, [&](vault::Reader& reader) {
                 return reader.secrets({}, after, kPage);
               }));
    for (const auto& secret : page) {
      if (const auto text = due(secret, at)) {
        problems.push(problem("secret", secret.id.str(), *text));
      }
    }
    if (page.size() < kPage) return {};
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
}

void add_credentials(const catalog::Snapshot& snapshot, Value& problems) {
  using catalog::CredentialState;
  for (const auto& credential : snapshot.credentials()) {
    switch (credential.state) {
      case CredentialState::ready:
      case CredentialState::disabled:
      case CredentialState::damaged: break;  // The last are among the snapshot's problems.
      case CredentialState::needs_secret:
      case CredentialState::needs_host:
      case CredentialState::needs_param:
      case CredentialState::invalid_secret:
        problems.push(problem("credential", credential.id, credential.state_detail));
        break;
    }
  }
}

// Rows that the vault has refused are known to both; each is named once.
bool is_listed(const Value& problems, const vault::Problem& wanted) {
  for (const auto& listed : problems.items()) {
    if (listed.find("id")->text() == wanted.id && listed.find("kind")->text() == wanted.kind) {
      return true;
    }
  }
  return false;
}

Result<Value> problems_of(Desk& desk, vault::Vault& vault) {
  Value problems = Value::array();
  TRY_ASSIGN(const auto snapshot, desk.catalog.current(vault));
  auto all = snapshot->problems();
  for (auto& refused : vault.problems()) all.push_back(std::move(refused));
  for (const auto& item : all) {
    if (!is_listed(problems, item)) problems.push(problem(item.kind, item.id, item.message));
  }
  add_credentials(*snapshot, problems);
  TRY(add_due_secrets(vault, problems));
  return problems;
}

Value daemon_section(const DaemonFacts& facts) {
  if (facts.private_child) return {};
  return Value::object({{"defaultAccess", "open"},
                        {"hardening", facts.hardening ? facts.hardening() : Value()},
                        {"listen", nullptr},
                        {"listenOrigins", Value::array()},
                        {"pid", facts.pid},
                        {"registryDigest", registry::digest()},
                        {"shared", facts.shared},
                        {"socket", facts.socket},
                        {"uid", facts.uid},
                        {"unlockedUntilMs", nullptr},
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
  constexpr std::array<std::string_view, 6> kReasons = {
      "key_unavailable", "wrong_key", "vault_locked", "row_integrity", "damaged", "unsafe_path"};
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
                                {"socket", facts.private_child ? "stdio" : "operator"},
                                {"token", nullptr},
                                {"uid", request.actor.uid},
                                {"user", request.actor.user}});
  if (request.actor.is_operator) {
    result.set("keyVariable", nullptr).set("vaultRoot", desk.slot.options().location.root);
  }
  return ad_hoc(std::move(result));
}

Result<Answer> status(Desk& desk, const Request&) {
  const auto& options = desk.slot.options();
  vault::Status state;
  Value problems = Value::array();
  const auto vault = desk.slot.get_or_create();
  if (vault) {
    state = (*vault)->status();
    auto found = problems_of(desk, **vault);
    if (found) {
      problems = *std::move(found);
    } else if (is_worth_a_status(found.error())) {
      problems.push(problem("vault", "vault.db", found.error().message));
    } else {
      return fail(found.error());
    }
  } else if (is_worth_a_status(vault.error())) {
    state.enabled = true;
    state.writable = false;
    problems.push(problem("vault", "vault.db", vault.error().message));
  } else {
    return fail(vault.error());
  }
  return ad_hoc(Value::object(
      {{"audit",
        Value::object({{"enabled", options.call_records == vault::CallRecords::written},
                       {"mirrorPath", nullptr}})},
       {"daemon", daemon_section(desk.facts)},
       {"paths", paths_section(options.location.root)},
       {"problems", std::move(problems)},
       {"status", status_section(state)}}));
}

}  // namespace aivault::admin
