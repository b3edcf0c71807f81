#include "catalog/catalog.h"

#include <algorithm>

#include "catalog/facts.h"
#include "catalog/policy_row.h"

namespace aivault::catalog {
namespace {

using Parts = Snapshot::Parts;

Credential damaged_credential(const std::string& id, std::string message) {
  Credential credential;
  credential.id = credential.policy.id = id;
  credential.enabled = false;
  credential.state = CredentialState::damaged;
  credential.state_detail = std::move(message);
  return credential;
}

void drop(Parts& parts, const std::string& id, const std::string& message) {
  parts.problems.push_back({"credential", id, message});
  parts.credentials.push_back(damaged_credential(id, message));
}

// What the credential's secret adds to its state. Nothing is decrypted.
Result<void> judge_secret(vault::Reader& reader,
                          const vault::CredentialRow& row,
                          Credential& credential) {
  if (!credential.enabled) return {};
  const auto needs_secret = [&](std::string why) {
    credential.state = CredentialState::needs_secret;
    credential.state_detail = "needs secret: " + std::move(why);
  };
  if (!credential.secret_id) {
    needs_secret("it has none");
    return {};
  }
  auto secret = reader.secret(*credential.secret_id);
  if (!secret) {
    needs_secret(secret.error().message);
    return {};
  }
  if (!*secret || (*secret)->revoked_at) {
    needs_secret("its secret was deleted");
    return {};
  }
  if (credential.state != CredentialState::ready) return {};
  TRY_ASSIGN(const auto facts, parse_facts(row.body));
  if (facts.misfit && facts.misfit->value_version == (*secret)->value_version) {
    credential.state = CredentialState::invalid_secret;
    credential.state_detail = facts.misfit->message;
  }
  return {};
}

Result<void> read_credentials(vault::Reader& reader, Parts& parts) {
  const auto& known = *parts.providers.registry;
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.credentials(damaged));
  for (const auto& row : rows) {
    auto credential = parse_credential(row, known.find_provider(row.provider));
    auto judged = credential ? judge_secret(reader, row, *credential)
                             : Result<void>(fail(credential.error()));
    if (!judged) {
      drop(parts, row.id, judged.error().message);
    } else {
      parts.credentials.push_back(*std::move(credential));
    }
  }
  for (const auto& problem : damaged) drop(parts, problem.id, problem.message);
  std::ranges::sort(parts.credentials, {}, &Credential::id);
  return {};
}

void read_capability(const vault::CapabilityRow& row, Parts& parts) {
  if (!row.enabled) parts.disabled.push_back(row.id);
  if (row.origin == vault::Origin::registry) return;
  const auto refuse = [&](std::string message) {
    parts.problems.push_back({"capability", row.id, std::move(message)});
  };
  const auto& known = *parts.providers.registry;
  // The registry's definition is always the one that counts.
  if (known.find_capability(row.id) != nullptr) {
    refuse("the registry has a capability of this id; the operator's own one is ignored");
    return;
  }
  auto own = OwnCapability::parse(row);
  if (!own) {
    refuse(own.error().message);
    parts.refused.push_back(row.id);
    return;
  }
  // What its provider keeps out of reach is not known.
  if (known.is_refused(row.provider)) parts.refused.push_back(row.id);
  parts.capabilities.push_back(*std::move(own));
}

// A row that restricts, and cannot be read, restricts altogether.
void refuse_all(std::vector<vault::Problem>& damaged, Parts& parts) {
  for (auto& problem : damaged) {
    parts.refused.push_back(problem.id);
    parts.problems.push_back(std::move(problem));
  }
}

// The id that an alias stands for.
std::string current_id(std::string id, const Parts& parts) {
  const auto* known = parts.providers.registry->find_capability(id);
  return known != nullptr ? std::string(known->id) : std::move(id);
}

// A binding that cannot be read refuses its capability: the credential's own secret is not what
// the operator wants there.
Result<void> read_bindings(vault::Reader& reader, Parts& parts) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(auto rows, reader.bindings(damaged));
  for (auto& row : rows) {
    row.capability = current_id(row.capability, parts);
    parts.bindings.add(std::move(row));
  }
  for (auto& problem : damaged) {
    parts.refused.push_back(current_id(vault::capability_of_binding(problem.id), parts));
    parts.problems.push_back(std::move(problem));
  }
  return {};
}

bool is_known(std::string_view capability, const Parts& parts) {
  const auto& known = *parts.providers.registry;
  return known.find_capability(capability) != nullptr ||
         known.is_refused(capability.substr(0, capability.find('/'))) ||
         std::ranges::any_of(parts.capabilities,
                             [&](const auto& own) { return own->definition().id == capability; });
}

// A limit that cannot be read refuses its capability.
Result<void> read_policies(vault::Reader& reader, Parts& parts) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.policies(damaged));
  for (const auto& row : rows) {
    auto id = current_id(row.id, parts);
    auto limits = parse_policy_body(row.body);
    if (!limits) {
      damaged.push_back({"policy", std::move(id), limits.error().message});
    } else if (!is_known(id, parts)) {
      parts.problems.push_back(
          {"policy", std::move(id), "there is no such capability; the policy limits nothing"});
    } else {
      parts.policies.push_back({std::move(id), *std::move(limits)});
    }
  }
  refuse_all(damaged, parts);
  std::ranges::sort(parts.policies, {}, &Snapshot::Policy::capability);
  return {};
}

Result<void> read_capabilities(vault::Reader& reader, Parts& parts) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto rows, reader.capabilities(damaged));
  for (const auto& row : rows) read_capability(row, parts);
  refuse_all(damaged, parts);
  TRY(read_policies(reader, parts));
  TRY(read_bindings(reader, parts));
  std::ranges::sort(parts.capabilities, {}, [](const auto& own) {
    return std::string_view(own->definition().id);
  });
  std::ranges::sort(parts.disabled);
  std::ranges::sort(parts.refused);
  return {};
}

Result<std::shared_ptr<const Snapshot>> build(vault::Reader& reader, const ProviderFiles* before) {
  Parts parts;
  TRY_ASSIGN(parts.providers, read_provider_files(reader, before));
  for (const auto& file : parts.providers.files) {
    if (!file.provider) parts.problems.push_back({"provider", file.id, file.problem});
  }
  TRY(read_credentials(reader, parts));
  TRY(read_capabilities(reader, parts));
  TRY_ASSIGN(parts.access, Access::read(reader, parts.problems));
  return std::shared_ptr<const Snapshot>(std::make_shared<const Snapshot>(std::move(parts)));
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Catalog::of(vault::Reader& reader) {
  return build(reader, nullptr);
}

Result<std::shared_ptr<const Snapshot>> Catalog::current(vault::Vault& vault) {
  const std::scoped_lock lock(guard_);
  TRY_ASSIGN(const auto counter, vault.change_counter());
  if (snapshot_ && vault_ == &vault && counter_ == counter) return snapshot_;
  const auto* before = snapshot_ ? &snapshot_->provider_files() : nullptr;
  TRY_ASSIGN(snapshot_,
             vault::read(vault, [&](vault::Reader& reader) { return build(reader, before); }));
  counter_ = counter;  // A change meanwhile only means that the next one builds again.
  vault_ = &vault;
  return snapshot_;
}

}  // namespace aivault::catalog
