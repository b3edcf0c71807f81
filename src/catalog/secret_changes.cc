#include "catalog/secret_changes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"
#include "catalog/derived.h"
#include "catalog/provider_files.h"

namespace aivault::catalog {
namespace {

bool is_damaged(const Error& error) { return error.reason == "row_integrity"; }

// "provider 'openai'", "family 'google'"
std::string owner_of(const registry::Claim& claim) {
  const auto pin = claim.pin.view();
  const auto colon = pin.find(':');
  if (colon == std::string_view::npos) return "provider '" + std::string(pin) + "'";
  return std::string(pin.substr(0, colon)) + " '" + std::string(pin.substr(colon + 1)) + "'";
}

// A claimed name is an alias only of a secret with the pin that the name gives.
Result<void> check_aliases(const registry::Registry& known,
                           const std::vector<std::string>& aliases,
                           const std::optional<std::string>& pin) {
  for (const auto& alias : aliases) {
    const auto* claim = known.claim_of(trim(alias));
    if (claim == nullptr || (pin && *pin == claim->pin)) continue;
    return policy_violation("secret_pinned",
                            "alias '" + std::string(claim->secret) + "' is a name of " +
                                owner_of(*claim) + ": only a secret pinned to provider '" +
                                std::string(claim->pin) + "' can have it");
  }
  return {};
}

audit::Event event_of(const audit::Event& who,
                      std::string kind,
                      const vault::SecretRecord& secret,
                      std::string_view more = {}) {
  auto event = catalog::event_of(who, std::move(kind));
  event.secret_id = secret.id.str();
  event.scope = secret.scope.text();
  event.note = "name " + secret.name + ", value version " + std::to_string(secret.value_version);
  if (!more.empty()) event.note += ", " + std::string(more);
  return event;
}

void record_pin(vault::Change& change, const vault::SecretRecord& secret, const audit::Event& who) {
  change.record(event_of(
      who, "secret.pin_provider", secret, "provider " + secret.pinned_provider.value_or("")));
}

// The providers of both names, each once.
std::vector<const registry::Provider*> providers_of(const registry::Claim* one,
                                                    const registry::Claim* other) {
  std::vector<const registry::Provider*> providers;
  for (const auto* claim : {one, other}) {
    if (claim == nullptr) continue;
    for (const registry::Provider* provider : claim->providers) {
      if (std::ranges::find(providers, provider) == providers.end()) providers.push_back(provider);
    }
  }
  return providers;
}

Result<void> keep_in_step_of_names(vault::Change& change,
                                   const vault::SecretRecord& secret,
                                   const registry::Claim* before,
                                   const registry::Claim* now,
                                   std::string_view touched,
                                   const audit::Event& who,
                                   std::vector<Step>& steps) {
  for (const auto* provider : providers_of(before, now)) {
    TRY_ASSIGN(auto more, keep_in_step(change, *provider, secret.scope, touched, who));
    std::ranges::move(more, std::back_inserter(steps));
  }
  return {};
}

// Who waits for other secrets waited before; that is no news.
void drop_waiting(std::vector<Step>& steps) {
  std::erase_if(steps, [](const Step& step) { return step.kind == Step::Kind::waiting; });
}

// The pin that a new name asks for; nothing if there is none to add.
Result<std::optional<std::string>> pin_for_name(const vault::SecretRecord& secret,
                                                const registry::Claim* claim) {
  if (claim == nullptr) return std::optional<std::string>();
  if (!secret.pinned_provider) return std::optional(std::string(claim->pin));
  if (*secret.pinned_provider == claim->pin) return std::optional<std::string>();
  return policy_violation("secret_pinned",
                          "secret is pinned to provider '" + *secret.pinned_provider +
                              "' and cannot take a name of " + owner_of(*claim));
}

// What uses a secret goes with it; a derived credential that is switched off keeps its empty row.
Result<void> remove_users(vault::Change& change,
                          const SecretId& id,
                          const audit::Event& who,
                          std::vector<Step>& steps) {
  TRY_ASSIGN(auto users, change.credentials_of_secret(id));
  for (auto& row : users) {
    if (row.origin == vault::Origin::registry && !row.enabled) {
      row.secret_id.reset();
      row.updated_at = change.now();
      TRY(change.put(row));
      continue;
    }
    TRY_ASSIGN(auto step, remove_credential(change, row, who));
    steps.push_back(std::move(step));
  }
  return {};
}

}  // namespace

Result<vault::SecretRecord> changeable_secret(vault::Reader& reader, const SecretId& id) {
  TRY_ASSIGN(auto found, reader.secret(id));
  if (!found) return invalid_request("not_found", "secret not found");
  if (found->system_managed) return invalid_request("record_invalid", "secret is system-managed");
  if (found->revoked_at) return vault_unavailable("secret_missing", "secret revoked");
  return *std::move(found);
}

Result<SecretOutcome> create_secret(vault::Change& change,
                                    vault::NewSecret wanted,
                                    const Secret& value,
                                    const audit::Event& who) {
  TRY_ASSIGN(const auto known, known_providers(change));
  const auto* claim = known->claim_of(trim(wanted.name));
  wanted.pinned_provider.reset();
  if (claim != nullptr) wanted.pinned_provider = std::string(claim->pin);
  TRY(check_aliases(*known, wanted.aliases, wanted.pinned_provider));
  SecretOutcome done;
  TRY_ASSIGN(done.secret, change.create_secret(wanted, value));
  TRY(remember_registry(change));
  change.record(event_of(who, "secret.create", done.secret));
  if (claim == nullptr) return done;
  record_pin(change, done.secret, who);
  TRY(keep_in_step_of_names(
      change, done.secret, nullptr, claim, done.secret.name, who, done.steps));
  return done;
}

Result<SecretOutcome> update_secret(vault::Change& change,
                                    const SecretId& id,
                                    vault::SecretUpdate update,
                                    std::string_view fields,
                                    const audit::Event& who) {
  TRY_ASSIGN(const auto before, changeable_secret(change, id));
  TRY_ASSIGN(const auto known, known_providers(change));
  if (update.name) update.name = std::string(trim(*update.name));
  const bool renamed = update.name && *update.name != before.name;
  const auto* old_claim = known->claim_of(before.name);
  const auto* claim = renamed ? known->claim_of(*update.name) : old_claim;
  update.pinned_provider.reset();
  if (renamed) {
    TRY_ASSIGN(update.pinned_provider, pin_for_name(before, claim));
  }
  const auto& pin = update.pinned_provider ? update.pinned_provider : before.pinned_provider;
  if (update.aliases) TRY(check_aliases(*known, *update.aliases, pin));
  SecretOutcome done;
  TRY_ASSIGN(done.secret, change.update_secret(id, update));
  change.record(event_of(who, "secret.update", done.secret, fields));
  if (update.pinned_provider) record_pin(change, done.secret, who);
  if (!renamed && done.secret.expires_at == before.expires_at) return done;
  TRY(keep_in_step_of_names(change,
                            done.secret,
                            old_claim,
                            claim,
                            renamed && claim != nullptr ? done.secret.name : "",
                            who,
                            done.steps));
  return done;
}

namespace {

Result<SecretOutcome> replace_value(vault::Change& change,
                                    const SecretId& id,
                                    const Secret& value,
                                    std::optional<std::int64_t> expected_version,
                                    const audit::Event& who,
                                    std::string kind) {
  TRY(changeable_secret(change, id));
  TRY_ASSIGN(const auto known, known_providers(change));
  SecretOutcome done;
  TRY_ASSIGN(done.secret, change.rotate_secret(id, value, expected_version));
  change.record(event_of(who, std::move(kind), done.secret));
  TRY(keep_in_step_of_names(change,
                            done.secret,
                            nullptr,
                            known->claim_of(done.secret.name),
                            done.secret.name,
                            who,
                            done.steps));
  drop_waiting(done.steps);
  TRY(judge_users_again(change, done.secret, value));
  return done;
}

}  // namespace

Result<SecretOutcome> rotate_secret(vault::Change& change,
                                    const SecretId& id,
                                    const Secret& value,
                                    std::optional<std::int64_t> expected_version,
                                    const audit::Event& who) {
  return replace_value(change, id, value, expected_version, who, "secret.rotate");
}

Result<SecretOutcome> write_back_secret(vault::Change& change,
                                        const SecretId& id,
                                        const Secret& value,
                                        std::int64_t expected_version,
                                        const audit::Event& who) {
  return replace_value(change, id, value, expected_version, who, "oauth.refresh");
}

Result<SecretOutcome> delete_secret(vault::Change& change,
                                    const SecretId& id,
                                    const audit::Event& who) {
  auto before = change.secret(id);
  if (!before && !is_damaged(before.error())) return fail(std::move(before).error());
  TRY_ASSIGN(const auto known, known_providers(change));
  SecretOutcome done;
  if (before) {
    if (!*before) return invalid_request("not_found", "secret not found");
    if ((*before)->revoked_at) return SecretOutcome{*std::move(*before), {}};
    TRY(changeable_secret(change, id));
  }
  TRY_ASSIGN(done.secret, change.revoke_secret(id));
  change.record(event_of(
      who, "secret.revoke", done.secret, before ? "" : "its row had failed the integrity check"));
  if (before) {
    TRY(keep_in_step_of_names(
        change, done.secret, known->claim_of(done.secret.name), nullptr, "", who, done.steps));
  }
  TRY(remove_users(change, id, who, done.steps));
  // What the row said is gone; whatever was made of it is found from its other side.
  if (!before) {
    TRY_ASSIGN(auto steps, keep_everything_in_step(change, who));
    std::ranges::move(steps, std::back_inserter(done.steps));
  }
  return done;
}

Result<ImportOutcome> import_secret(vault::Change& change,
                                    const vault::Scope& scope,
                                    std::string_view name,
                                    const Secret& value,
                                    const audit::Event& who) {
  name = trim(name);
  ImportOutcome outcome;
  TRY_ASSIGN(const auto existing, change.secret_by_name(scope, name));
  if (!existing || existing->name != name) {  // An alias of another is refused as a clash.
    vault::NewSecret wanted;
    wanted.name = std::string(name);
    wanted.scope = scope;
    TRY_ASSIGN(outcome.done, create_secret(change, std::move(wanted), value, who));
    outcome.is_new = true;
    return outcome;
  }
  // A name that the registry has claimed since: the import pins as a creation would.
  TRY(changeable_secret(change, existing->id));
  TRY_ASSIGN(const auto known, known_providers(change));
  const auto* claim = known->claim_of(name);
  if (claim != nullptr && !existing->pinned_provider) {
    vault::SecretUpdate pin;
    pin.pinned_provider = std::string(claim->pin);
    TRY_ASSIGN(const auto pinned, change.update_secret(existing->id, pin));
    record_pin(change, pinned, who);
  }
  TRY_ASSIGN(outcome.done, rotate_secret(change, existing->id, value, std::nullopt, who));
  return outcome;
}

}  // namespace aivault::catalog
