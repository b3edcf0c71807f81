#include "format1/credential_import.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "auth/material.h"
#include "base/text.h"
#include "catalog/derived.h"
#include "catalog/facts.h"
#include "catalog/identifier.h"
#include "catalog/provision.h"
#include "catalog/tenant.h"
#include "format1/target.h"
#include "http/host.h"
#include "http/target.h"
#include "json/write.h"
#include "registry/registry.h"

namespace aivault::format1 {
namespace {

using catalog::Facts;

constexpr std::size_t kMaxRecord = 65'536;  // Bytes of a record that is kept as it was.
constexpr std::int64_t kMaxPriority = 1000;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

// The kind whose derived credential has this id in this scope, as old ids were made.
const registry::AuthKind* derived_kind(const registry::Provider& provider,
                                       const OldCredential& old) {
  for (const auto& kind : provider.kinds) {
    if (catalog::derived_id(provider, kind, old.place) == old.id) return &kind;
  }
  return nullptr;
}

Result<std::vector<std::string>> custom_hosts(const OldCredential& old) {
  std::vector<std::string> hosts;
  for (const auto& raw : old.hosts) {
    if (trim(raw).empty()) continue;
    if (raw.find('*') != std::string::npos) {
      return policy_violation("host_mismatch", "wildcard hosts are invalid for core conformance");
    }
    TRY_ASSIGN(const auto host, http::parse_authority(trim(raw)));
    auto text = host.text();
    if (std::ranges::find(hosts, text) == hosts.end()) hosts.push_back(std::move(text));
  }
  if (hosts.empty()) return policy_violation("host_mismatch", "credential hosts are required");
  return hosts;
}

// Those of the stored hosts that the registry allows; the others are ignored at every use.
std::vector<std::string> bound_hosts(const registry::Provider& provider, const OldCredential& old) {
  std::vector<std::string> hosts;
  for (const auto& raw : old.hosts) {
    const auto host = http::parse_authority(trim(raw));
    if (!host || host->port() || !catalog::is_host_of(provider, *host)) continue;
    auto text = host->text();
    if (std::ranges::find(hosts, text) == hosts.end()) hosts.push_back(std::move(text));
  }
  return hosts;
}

Result<std::string> path_prefix(const OldCredential& old) {
  std::string prefix(trim(old.path_prefix));
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty()) TRY(http::check_prefix(prefix));
  return prefix;
}

Result<std::optional<std::string>> policy_mode(const OldCredential& old) {
  if (!old.max_policy_mode) return std::optional<std::string>();
  auto mode = to_lower(trim(*old.max_policy_mode));
  std::ranges::replace(mode, '_', '-');
  if (mode == "readonly") mode = "read-only";
  if (mode == "read-only" || mode == "write" || mode == "admin") {
    return std::optional(std::move(mode));
  }
  return invalid("unknown maxPolicyMode");
}

Result<Facts> custom_facts(const OldCredential& old) {
  Facts facts;
  const bool is_postgres = old.provider == catalog::kPostgres;
  if (!is_postgres) {
    TRY_ASSIGN(facts.auth, registry::parse_auth(old.auth));
  }
  TRY_ASSIGN(facts.hosts, custom_hosts(old));
  for (const auto& raw : old.capabilities) {
    if (trim(raw).empty()) return invalid("credential capability scope cannot be empty");
    facts.capabilities.emplace_back(trim(raw));
  }
  if (old.priority < 0 || old.priority > kMaxPriority) return invalid("priority is not 0 to 1000");
  facts.priority = static_cast<int>(old.priority);
  TRY_ASSIGN(facts.path_prefix, path_prefix(old));
  if (is_postgres) {
    TRY_ASSIGN(facts.max_policy_mode, policy_mode(old));
  }
  return facts;
}

struct Judged {
  Facts facts;
  registry::AuthSpec spec;
};

Result<Judged> judge(const OldCredential& old,
                     const registry::Provider* provider,
                     const Referred& referred) {
  const auto& secret = referred.secret;
  if (!secret) return invalid(referred.why_not);
  const auto& pin = secret->pinned_provider;
  if (provider != nullptr ? !catalog::pin_allows(pin, old.provider) : pin.has_value()) {
    return policy_violation("secret_pinned", "its secret is pinned to provider '" + *pin + "'");
  }
  Judged judged;
  if (provider != nullptr) {
    const auto& kind = catalog::kind_for(*provider, *secret);
    judged.facts.kind = kind.name;
    judged.facts.hosts = bound_hosts(*provider, old);
    judged.spec = catalog::spec_of(kind);
    return judged;
  }
  TRY_ASSIGN(judged.facts, custom_facts(old));
  judged.spec = judged.facts.auth ? *judged.facts.auth : catalog::postgres_auth();
  return judged;
}

Result<Facts> switched_off(const OldCredential& old, const Error& why) {
  if (json::compact(old.source).size() > kMaxRecord) return invalid("the record is too large");
  Facts facts;
  facts.imported = Facts::Imported{why.message, old.source};
  return facts;
}

// Fills in facts, or what is kept instead of them.
Result<Facts> facts_of(Run& run, const OldCredential& old, const Referred& referred) {
  auto judged = judge(old, registry::find_provider(old.provider), referred);
  if (!judged) {
    run.report.notices.push_back("Credential " + quote_for_message(old.id, 128) +
                                 " is imported switched off: " + judged.error().message);
    return switched_off(old, judged.error());
  }
  TRY_ASSIGN(const auto value, run.change.open_internally(referred.secret->id));
  if (auto fits = auth::check_material(judged->spec, value); !fits) {
    judged->facts.misfit = Facts::Misfit{referred.secret->value_version, fits.error().message};
  }
  return std::move(judged->facts);
}

// Are all secrets that it is made of those of the old vault?
Result<bool> is_made_of_theirs(Run& run,
                               const registry::AuthKind& kind,
                               const vault::Scope& scope) {
  for (const auto& claim : kind.secrets) {
    TRY_ASSIGN(const auto member, run.change.secret_by_name(scope, claim.name));
    if (!member || !run.theirs.contains(member->id)) return false;
  }
  return true;
}

// The registry makes this one; what was bound to it goes with its secrets.
Result<void> bind_hosts(Run& run,
                        const registry::Provider& provider,
                        const OldCredential& old,
                        const registry::AuthKind& kind) {
  const auto hosts = bound_hosts(provider, old);
  TRY_ASSIGN(const auto scope, run.ids.translate(old.place));
  TRY_ASSIGN(auto row, run.change.credential(catalog::derived_id(provider, kind, scope)));
  if (hosts.empty() || !row || row->origin != vault::Origin::registry) return {};
  TRY_ASSIGN(auto facts, catalog::parse_facts(row->body));
  const auto defaults = catalog::find_tenant(provider, {}, {});
  const bool all_default = std::ranges::all_of(hosts, [&](const std::string& host) {
    return std::ranges::find(defaults.hosts, host) != defaults.hosts.end();
  });
  if (all_default || !facts.hosts.empty()) return {};
  TRY_ASSIGN(const bool theirs, is_made_of_theirs(run, kind, scope));
  if (!theirs) {
    run.report.add_skipped("credential", row->id, "its secret was here before and keeps its hosts");
    return {};
  }
  facts.hosts = hosts;
  row->body = catalog::to_body(facts);
  row->updated_at = run.change.now();
  return run.change.put(*row);
}

}  // namespace

Result<void> take_credential(Run& run, const OldCredential& old) {
  if (const auto* provider = registry::find_provider(old.provider)) {
    const auto* kind = derived_kind(*provider, old);
    if (kind != nullptr) return bind_hosts(run, *provider, old, *kind);
  }
  vault::CredentialRow row;
  row.id = credential_id_of(run, old.id);
  TRY(catalog::check_credential_id(row.id));
  TRY(catalog::check_provider_id(old.provider));
  row.provider = old.provider;
  TRY_ASSIGN(row.scope, run.ids.translate(old.place));
  TRY_ASSIGN(const auto there, run.change.credential(row.id));
  const bool replace = run.choice.taken == Taken::replaced &&
                       (!there || there->origin == vault::Origin::operator_made);
  if (there && !replace) {
    run.report.add_skipped("credential", row.id, "exists");
    return {};
  }
  Referred referred;
  if (parse_reference(old.secret_ref)) {
    TRY_ASSIGN(referred, referred_secret(run, old.secret_ref));
  }
  TRY_ASSIGN(const auto facts, facts_of(run, old, referred));
  if (referred.secret) row.secret_id = referred.secret->id;
  row.enabled = !facts.imported;
  row.body = catalog::to_body(facts);
  row.created_at = row.updated_at = run.change.now();
  TRY(run.change.put(row));
  ++run.report.credentials;
  run.change.record(catalog::event_of(run.who, "credential.create", row));
  return {};
}

}  // namespace aivault::format1
