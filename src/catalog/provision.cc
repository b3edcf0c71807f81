#include "catalog/provision.h"

#include <algorithm>
#include <optional>

#include "auth/material.h"
#include "base/encoding.h"
#include "catalog/credential.h"
#include "catalog/derived.h"
#include "catalog/facts.h"
#include "catalog/provider_files.h"
#include "crypto/hash.h"

namespace aivault::catalog {
namespace {

constexpr std::size_t kMaxCompositeBytes = 1'048'576;  // As any other value.

bool is_damaged(const Error& error) { return error.reason == "row_integrity"; }

// One auth kind in one scope.
class KindInScope {
 public:
  KindInScope(vault::Change& change,
              const registry::Provider& provider,
              const registry::AuthKind& kind,
              const vault::Scope& scope,
              std::string_view touched,
              const audit::Event& who)
      : change_(change),
        provider_(provider),
        kind_(kind),
        scope_(scope),
        touched_(claims(kind, touched)),
        who_(who) {}

  Result<void> run(std::vector<Step>& steps) {
    TRY(find_members());
    if (damage_ && missing_.empty()) return without(*damage_);
    TRY_ASSIGN(auto secret, needs_composite(kind_) ? keep_composite(steps) : single_member());
    TRY(keep_credential(secret, steps));
    if (touched_ && !missing_.empty()) {
      std::ranges::sort(missing_);
      steps.push_back({Step::Kind::waiting, "", std::string(provider_.id), 0, missing_});
    }
    return {};
  }

 private:
  // A row that is refused says nothing about the others: what was made of it stays as it is, and is
  // refused by itself. Only a new value of another member cannot be taken: the composite would
  // keep the old one.
  Result<void> without(const Error& damage) {
    if (!touched_ || !needs_composite(kind_)) return {};
    const auto existing = change_.secret_by_name(scope_, composite_name(provider_, kind_, scope_));
    if (existing && !*existing) return {};
    return fail(damage);
  }

  // Only names derive credentials, aliases never do.
  Result<void> find_members() {
    for (const auto& claim : kind_.secrets) {
      auto found = change_.secret_by_name(scope_, claim.name);
      if (!found && is_damaged(found.error())) {
        damage_ = std::move(found).error();
        continue;
      }
      TRY_ASSIGN(auto record, std::move(found));
      if (record && record->name == claim.name &&
          pin_allows(record->pinned_provider, provider_.id)) {
        members_.push_back(*std::move(record));
        placeholders_.emplace_back(claim.placeholder);
      } else if (claim.required) {
        missing_.emplace_back(claim.name);
      }
    }
    return {};
  }

  Result<void> check(const Secret& value) {
    if (auto fits = auth::check_material(spec_of(kind_), value); !fits) {
      return invalid_request("record_invalid",
                             "the value does not fit provider '" + std::string(provider_.id) +
                                 "': " + fits.error().message);
    }
    return {};
  }

  Result<std::optional<SecretId>> single_member() {
    if (!missing_.empty() || members_.empty()) return std::optional<SecretId>();
    if (touched_) {
      TRY_ASSIGN(const auto value, change_.open_internally(members_.front().id));
      TRY(check(value));
    }
    return std::optional(members_.front().id);
  }

  Result<Secret> composed() {
    std::vector<Secret> values;
    for (const auto& member : members_) {
      TRY_ASSIGN(auto value, change_.open_internally(member.id));
      values.push_back(std::move(value));
    }
    std::vector<auth::NamedSecret> named;
    for (std::size_t i = 0; i < values.size(); ++i) {
      named.push_back({placeholders_[i], &values[i]});
    }
    auto composite = auth::compose(named);
    if (!composite) return invalid_request("record_invalid", composite.error().message);
    if (composite->size() > kMaxCompositeBytes) {
      return invalid_request("record_invalid",
                             "the secrets of provider '" + std::string(provider_.id) +
                                 "' together have more than 1048576 bytes");
    }
    TRY(check(*composite));
    return composite;
  }

  Result<std::optional<SecretId>> keep_composite(std::vector<Step>& steps) {
    const auto name = composite_name(provider_, kind_, scope_);
    auto found = change_.secret_by_name(scope_, name);
    // One that is refused opens for nobody; it goes by its own id.
    if (!found && is_damaged(found.error()) && !missing_.empty()) {
      return std::optional<SecretId>();
    }
    TRY_ASSIGN(const auto existing, std::move(found));
    if (!missing_.empty()) {
      if (existing) TRY(erase_composite(*existing, steps));
      return std::optional<SecretId>();
    }
    if (existing) {
      TRY_ASSIGN(const bool stale, has_lost_a_member(*existing));
      TRY(touched_ || stale ? seal_again(*existing) : keep_expiry(*existing));
      return std::optional(existing->id);
    }
    TRY_ASSIGN(const auto value, composed());
    vault::NewSecret wanted;
    wanted.name = name;
    wanted.scope = scope_;
    wanted.system_managed = true;
    wanted.pinned_provider = std::string(provider_.id);
    wanted.expires_at = earliest_expiry();
    TRY_ASSIGN(const auto made, change_.create_secret(wanted, value));
    record_composite(made, "created");
    return std::optional(made.id);
  }

  // Without a required member there is no composite; without an optional one there is another.
  Result<bool> has_lost_a_member(const vault::SecretRecord& composite) {
    if (members_.size() == kind_.secrets.size()) return false;
    TRY_ASSIGN(const auto stored, change_.open_internally(composite.id));
    TRY_ASSIGN(const auto value, composed());
    return stored != value;
  }

  Result<void> seal_again(const vault::SecretRecord& composite) {
    TRY_ASSIGN(const auto value, composed());
    TRY_ASSIGN(const auto sealed,
               change_.rotate_secret(composite.id, value, composite.value_version));
    record_composite(sealed, "sealed again");
    return keep_expiry(sealed);
  }

  // A composite opens no longer than each of its members.
  std::optional<UnixMs> earliest_expiry() const {
    std::optional<UnixMs> earliest;
    for (const auto& member : members_) {
      if (!member.expires_at) continue;
      earliest = earliest ? std::min(*earliest, *member.expires_at) : *member.expires_at;
    }
    return earliest;
  }

  Result<void> keep_expiry(const vault::SecretRecord& composite) {
    vault::SecretUpdate update;
    update.expires_at = earliest_expiry();
    if (composite.expires_at == *update.expires_at) return {};
    TRY_ASSIGN(const auto updated, change_.update_secret(composite.id, update));
    record_composite(updated, "expiry changed");
    return {};
  }

  Result<void> erase_composite(const vault::SecretRecord& composite, std::vector<Step>& steps) {
    TRY_ASSIGN(const auto users, change_.credentials_of_secret(composite.id));
    for (const auto& row : users) {
      if (row.origin == vault::Origin::registry) continue;  // keep_credential follows.
      TRY_ASSIGN(auto step, remove_credential(change_, row, who_));
      steps.push_back(std::move(step));
    }
    record_composite(composite, "removed");
    return change_.erase_system_secret(composite.id);
  }

  void record_composite(const vault::SecretRecord& composite, std::string_view what) {
    auto event = event_of(who_, "secret.system_managed");
    event.secret_id = composite.id.str();
    event.scope = composite.scope.text();
    event.note = composite.name + " " + std::string(what);
    change_.record(std::move(event));
  }

  Result<void> keep_credential(const std::optional<SecretId>& secret, std::vector<Step>& steps) {
    const auto id = derived_id(provider_, kind_, scope_);
    auto found = change_.credential(id);
    if (!found && is_damaged(found.error())) return {};  // Refused as it is; deleted by its id.
    TRY_ASSIGN(auto existing, std::move(found));
    if (existing && existing->origin == vault::Origin::operator_made) {
      if (secret && touched_) steps.push_back(step(Step::Kind::taken, id));
      return {};
    }
    if (!secret) {
      if (!existing) return {};
      if (existing->enabled) {
        TRY_ASSIGN(auto removed, remove_credential(change_, *existing, who_));
        steps.push_back(std::move(removed));
        return {};
      }
      // The row stays as the memory that the operator switched it off.
      if (!existing->secret_id) return {};
      existing->secret_id.reset();
      existing->updated_at = change_.now();
      return change_.put(*existing);
    }
    const bool is_new = !existing;
    const bool moved = existing && (existing->secret_id != secret || !is_of_kind(*existing));
    if (is_new || moved) TRY(put_credential(id, *secret, existing));
    if (!is_new && !existing->enabled) {
      if (touched_) steps.push_back(step(Step::Kind::stays_disabled, id));
    } else if (is_new) {
      steps.push_back(step(Step::Kind::provisioned, id));
    } else if (moved || (touched_ && needs_composite(kind_))) {
      steps.push_back(step(Step::Kind::reconciled, id));
    }
    return {};
  }

  bool is_of_kind(const vault::CredentialRow& row) const {
    const auto facts = parse_facts(row.body);
    return facts && facts->kind == kind_.name && row.provider == provider_.id;
  }

  Result<void> put_credential(const std::string& id,
                              const SecretId& secret,
                              const std::optional<vault::CredentialRow>& existing) {
    vault::CredentialRow row;
    row.created_at = change_.now();
    if (existing) row = *existing;
    if (!existing || !is_of_kind(*existing)) {
      Facts facts;
      facts.kind = kind_.name;
      row.id = id;
      row.provider = provider_.id;
      row.origin = vault::Origin::registry;
      row.scope = scope_;
      row.body = to_body(facts);
    }
    row.secret_id = secret;
    row.updated_at = change_.now();
    TRY(change_.put(row));
    change_.record(event_of(who_, "credential.provision", row));
    return {};
  }

  Step step(Step::Kind what, const std::string& id) const {
    return {what, id, std::string(provider_.id), served_capabilities(provider_, kind_), {}};
  }

  vault::Change& change_;
  const registry::Provider& provider_;
  const registry::AuthKind& kind_;
  const vault::Scope& scope_;
  bool touched_;
  const audit::Event& who_;
  std::vector<vault::SecretRecord> members_;
  std::vector<std::string> placeholders_;  // Of the members.
  std::vector<std::string> missing_;
  std::optional<Error> damage_;  // Of a member whose row is refused.
};

}  // namespace

audit::Event event_of(const audit::Event& who, std::string kind) {
  audit::Event event = who;
  event.kind = std::move(kind);
  return event;
}

std::string body_note(std::string_view body) {
  return " body " + hex(bytes_of(crypto::view(crypto::hash({body}))));
}

audit::Event event_of(const audit::Event& who, std::string kind, const vault::CredentialRow& row) {
  auto event = event_of(who, std::move(kind));
  event.credential = row.id;
  event.scope = row.scope.text();
  if (row.secret_id) event.secret_id = row.secret_id->str();
  event.note = "provider " + row.provider;
  if (const auto facts = parse_facts(row.body)) {
    for (const auto& host : facts->hosts) event.note += " host " + host;
  }
  event.note += body_note(row.body);
  return event;
}

Result<Step> remove_credential(vault::Change& change,
                               const vault::CredentialRow& row,
                               const audit::Event& who) {
  TRY(change.remove_credential(row.id));
  change.record(event_of(who, "credential.delete", row));
  return Step{Step::Kind::removed, row.id, row.provider, 0, {}};
}

Result<std::vector<Step>> keep_in_step(vault::Change& change,
                                       const registry::Provider& provider,
                                       const vault::Scope& scope,
                                       std::string_view touched,
                                       const audit::Event& who) {
  std::vector<Step> steps;
  for (const auto& kind : provider.kinds) {
    TRY(KindInScope(change, provider, kind, scope, touched, who).run(steps));
  }
  // What one kind waits for is no news once another kind serves with this secret.
  const bool served = std::ranges::any_of(steps, [](const Step& step) {
    return step.kind == Step::Kind::provisioned || step.kind == Step::Kind::reconciled;
  });
  if (served) std::erase_if(steps, [](const Step& s) { return s.kind == Step::Kind::waiting; });
  return steps;
}

Result<void> judge_users_again(vault::Change& change,
                               const vault::SecretRecord& secret,
                               const Secret& value) {
  TRY_ASSIGN(auto rows, change.credentials_of_secret(secret.id));
  TRY_ASSIGN(const auto known, known_providers(change));
  for (auto& row : rows) {
    if (row.origin == vault::Origin::registry) continue;  // Refused before it was stored.
    auto facts = parse_facts(row.body);
    if (!facts) continue;  // Shown as damaged; nothing here can judge it.
    const auto credential = parse_credential(row, known->find_provider(row.provider));
    if (!credential) continue;
    std::optional<Facts::Misfit> misfit;
    if (auto fits = auth::check_material(credential->policy.auth, value); !fits) {
      misfit = Facts::Misfit{secret.value_version, fits.error().message};
    }
    if (misfit == facts->misfit) continue;
    facts->misfit = std::move(misfit);
    row.body = to_body(*facts);
    row.updated_at = change.now();
    TRY(change.put(row));
  }
  return {};
}

}  // namespace aivault::catalog
