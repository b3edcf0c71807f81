#include <algorithm>
#include <array>
#include <optional>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/setup_section.h"
#include "admin/shapes.h"
#include "admin/visibility.h"
#include "base/text.h"
#include "catalog/identifier.h"
#include "catalog/own_capability.h"
#include "catalog/policy_row.h"
#include "json/write.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using catalog::OwnCapability;
using json::Value;

constexpr std::array<std::string_view, 3> kReserved = {"postgres/", "plaid/", "__aivault/"};

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

tl::unexpected<Error> unknown_capability(const std::string& id) {
  return not_found("capability '" + quote_for_message(id) + "' not found");
}

std::string id_of(const Request& request) { return std::string(trim(request.ids.front())); }

audit::Event event_of(const Request& request, std::string kind, const std::string& id) {
  auto event = catalog::event_of(who(request), std::move(kind));
  event.capability = id;
  return event;
}

Result<void> check_free(const std::string& id, const registry::Registry& known) {
  for (const auto prefix : kReserved) {
    if (id.starts_with(prefix)) {
      return already_exists("capability '" + id + "' already exists: ids that begin with '" +
                            std::string(prefix) + "' are reserved");
    }
  }
  if (known.find_capability(id) != nullptr || known.find_retired(id) != nullptr) {
    return already_exists("capability '" + id + "' already exists");
  }
  return {};
}

Result<bool> is_taken(vault::Reader& reader, const std::string& id) {
  const auto row = reader.capability(id);
  if (row) return row->has_value();
  if (is_damaged_row(row.error())) return true;
  return fail(row.error());
}

// Provider and host come from the flags, else from the credential.
struct Defaults {
  std::string provider;
  std::vector<std::string> hosts;
};
Result<Defaults> find_defaults(const Body& body, const catalog::Snapshot& snapshot) {
  Defaults wanted;
  TRY_ASSIGN(wanted.provider, body.text_or_empty("provider"));
  TRY_ASSIGN(const auto credential_id, body.text_or_empty("credential"));
  TRY_ASSIGN(wanted.hosts, body.texts("hosts"));
  std::erase_if(wanted.hosts, [](const std::string& host) { return trim(host).empty(); });
  const catalog::Credential* credential = nullptr;
  if (!credential_id.empty() && (wanted.provider.empty() || wanted.hosts.empty())) {
    credential = snapshot.find_credential(credential_id);
    if (credential == nullptr || credential->state == catalog::CredentialState::damaged) {
      return not_found("credential '" + quote_for_message(credential_id) + "' not found");
    }
  }
  if (wanted.provider.empty()) {
    if (credential == nullptr) return invalid("--provider or --credential is required");
    wanted.provider = credential->provider;
  }
  if (wanted.hosts.empty()) {
    if (credential == nullptr) {
      return invalid("at least one --host is required when --credential is not provided");
    }
    wanted.hosts = credential->policy.hosts;
  }
  return wanted;
}

// A registry capability is on unless a row says otherwise, or cannot be read.
Result<bool> is_off(vault::Reader& reader, const std::string& id) {
  const auto row = reader.capability(id);
  if (row) return *row && !(*row)->enabled;
  if (is_damaged_row(row.error())) return true;
  return fail(row.error());
}

Result<bool> switch_registry(vault::Vault& vault,
                             const Request& request,
                             const registry::Capability& capability,
                             bool enabled) {
  const std::string id(capability.id);
  TRY_ASSIGN(const bool off,
             vault::read(vault, [&](vault::Reader& reader) { return is_off(reader, id); }));
  if (off != enabled) return false;
  TRY(vault.change([&](vault::Change& change) -> Result<void> {
    if (enabled) {
      TRY(change.remove_capability(id));
    } else {
      vault::CapabilityRow row;
      row.id = id;
      row.provider = capability.provider;
      row.origin = vault::Origin::registry;
      row.enabled = false;
      row.created_at = row.updated_at = change.now();
      TRY(change.put(row));
    }
    change.record(event_of(request, enabled ? "capability.enable" : "capability.disable", id));
    return {};
  }));
  return true;
}

Result<void> switch_own(vault::Vault& vault,
                        const Request& request,
                        const std::string& id,
                        bool enabled) {
  TRY_ASSIGN(const auto before,
             vault::read(vault, [&](vault::Reader& reader) { return reader.capability(id); }));
  if (!before) return unknown_capability(id);
  if (before->enabled == enabled) return {};
  return vault.change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(auto row, change.capability(id));
    if (!row) return unknown_capability(id);
    row->enabled = enabled;
    row->updated_at = change.now();
    TRY(change.put(*row));
    change.record(event_of(request, enabled ? "capability.enable" : "capability.disable", id));
    return {};
  });
}

// Those that cannot be read go, too: what they are bound to goes.
Result<std::size_t> remove_bindings(vault::Change& change, const std::string& capability) {
  std::vector<vault::Problem> damaged;
  TRY_ASSIGN(const auto bindings, change.bindings(damaged));
  std::vector<std::string> ids;
  for (const auto& binding : bindings) ids.push_back(binding.id());
  for (auto& problem : damaged) ids.push_back(std::move(problem.id));
  std::erase_if(
      ids, [&](const std::string& id) { return vault::capability_of_binding(id) != capability; });
  for (const auto& id : ids) TRY(change.remove_binding(id));
  return ids.size();
}

Result<Answer> switch_capability(Desk& desk, const Request& request, bool enabled) {
  TRY(Body::open(request, {}));
  auto id = id_of(request);
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto& known = open.snapshot->registry();
  if (const auto* capability = known.find_capability(id); capability != nullptr) {
    id = capability->id;
    TRY(switch_registry(*open.vault, request, *capability, enabled));
  } else {
    TRY(switch_own(*open.vault, request, id, enabled));
  }
  return changed(ad_hoc(Value::object({{"enabled", enabled}, {"id", id}})));
}

// As in answers to a change, and what people search by.
Value list_entry(const registry::Capability& capability) {
  auto entry = catalog::to_json(capability);
  auto highest = capability.declared;
  if (capability.form == registry::PathForm::prefix) {
    highest = registry::CallClass::read;
    for (const auto method : registry::methods_of(capability)) {
      highest = std::max(highest, registry::class_of_method(method));
    }
  }
  entry.set("class", registry::to_string(highest));
  if (!capability.summary.empty()) entry.set("summary", capability.summary.view());
  return entry;
}

Value policies_of(const catalog::Snapshot& snapshot) {
  Value list = Value::array();
  for (const auto& policy : snapshot.policies()) {
    list.push(catalog::to_json(policy.capability, policy.limits));
  }
  return list;
}

}  // namespace

Result<Answer> list_capabilities(Desk& desk, const Request& request) {
  TRY_ASSIGN(auto records, Records::open(desk));
  const auto warnings = records.warnings();
  // Callers get nothing that is not verified.
  if (!warnings.empty() && !request.actor.is_operator) {
    return vault_unavailable("vault_locked", "vault locked");
  }
  TRY_ASSIGN(auto present, records.snapshot());
  const bool is_operator = request.actor.is_operator;
  std::optional<catalog::Authority> authority;
  if (!is_operator) {
    TRY_ASSIGN(authority, authority_of(desk, request));
    present = authority->snapshot();
  }
  const auto& snapshot = *present;
  std::vector<const registry::Capability*> ready, rest;
  for (const auto& own : snapshot.own_capabilities()) {
    if (!snapshot.is_disabled(own->definition().id)) ready.push_back(&own->capability());
  }
  for (const auto* provider : snapshot.registry().providers()) {
    auto& list = snapshot.is_ready(provider->id) ? ready : rest;
    for (const auto& capability : provider->capabilities) {
      if (!snapshot.is_disabled(capability.id)) list.push_back(&capability);
    }
  }
  if (authority) {
    std::erase_if(ready, [&](const auto* c) { return !may_invoke(*authority, *c); });
    rest.clear();
  }
  const auto shapes = [](std::vector<const registry::Capability*>& list) {
    std::ranges::sort(list, {}, &registry::Capability::id);
    Value array = Value::array();
    for (const auto* capability : list) array.push(list_entry(*capability));
    return array;
  };
  auto result = Value::object(
      {{"capabilities", shapes(ready)},
       {"disabledCapabilities", is_operator ? texts(snapshot.disabled()) : Value::array()},
       {"path", is_operator ? Value(records.root() + "/vault.db") : Value()},
       {"policies", is_operator ? policies_of(snapshot) : Value::array()},
       {"registryCapabilities", shapes(rest)}});
  if (Query(request).text("setup")) {
    result.set("setup", setup_commands(snapshot.registry(), rest));
  }
  add_warnings(result, warnings);
  return ad_hoc(std::move(result));
}

Result<Answer> create_capability(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request, {"id", "provider", "credential", "methods", "paths", "hosts"}));
  OwnCapability::Definition definition;
  TRY_ASSIGN(definition.id, body.text_or_empty("id"));
  const auto& id = definition.id;
  if (id.empty()) return invalid("capability id is required");
  TRY(catalog::check_capability_id(id));
  TRY_ASSIGN(const auto open, open_vault(desk));
  TRY(check_free(id, open.snapshot->registry()));
  TRY_ASSIGN(const bool exists,
             vault::read(*open.vault, [&](vault::Reader& reader) { return is_taken(reader, id); }));
  if (exists) return already_exists("capability '" + id + "' already exists");
  TRY_ASSIGN(definition.methods, body.texts("methods"));
  if (definition.methods.empty()) return invalid("at least one --method is required");
  TRY_ASSIGN(definition.paths, body.texts("paths"));
  if (definition.paths.empty()) return invalid("at least one --path is required");
  TRY_ASSIGN(auto defaults, find_defaults(body, *open.snapshot));
  if (defaults.hosts.size() != 1) {
    return policy_violation("host_mismatch", "core conformance requires allow.hosts length = 1");
  }
  definition.provider = std::move(defaults.provider);
  definition.host = std::move(defaults.hosts.front());
  TRY_ASSIGN(const auto own, OwnCapability::create(definition));
  TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(const bool now_taken, is_taken(change, id));
    if (now_taken) return already_exists("capability '" + id + "' already exists");
    vault::CapabilityRow row;
    row.id = id;
    row.provider = own->definition().provider;
    row.body = own->body();
    row.created_at = row.updated_at = change.now();
    TRY(change.put(row));
    auto event = event_of(request, "capability.create", id);
    event.host = own->definition().host;
    event.note = "provider " + row.provider + catalog::body_note(row.body);
    change.record(std::move(event));
    return {};
  }));
  return changed(shape(catalog::to_json(own->capability())));
}

Result<Answer> delete_capability(Desk& desk, const Request& request) {
  auto id = id_of(request);
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto& vault = open.vault;
  const auto answer = [&](bool capability, bool policy) {
    return Value::object(
        {{"id", id}, {"removedCapability", capability}, {"removedPolicy", policy}});
  };
  const auto* capability = open.snapshot->registry().find_capability(id);
  if (capability != nullptr) {
    id = capability->id;
    TRY_ASSIGN(const bool was_on, switch_registry(*vault, request, *capability, false));
    auto result = answer(was_on, false);
    result.set("disabled", true);
    return changed(ad_hoc(std::move(result)));
  }
  TRY_ASSIGN(const bool exists,
             vault::read(*vault, [&](vault::Reader& reader) { return is_taken(reader, id); }));
  if (!exists) return changed(ad_hoc(answer(false, false)));
  bool removed = false, removed_policy = false;
  TRY(vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(removed, change.remove_capability(id));
    TRY_ASSIGN(removed_policy, change.remove_policy(id));
    TRY_ASSIGN(const auto unbound, remove_bindings(change, id));
    auto event = event_of(request, "capability.delete", id);
    if (unbound > 0) event.note = "with " + std::to_string(unbound) + " bindings";
    change.record(std::move(event));
    return {};
  }));
  return changed(ad_hoc(answer(removed, removed_policy)));
}

Result<Answer> enable_capability(Desk& desk, const Request& request) {
  return switch_capability(desk, request, true);
}

Result<Answer> disable_capability(Desk& desk, const Request& request) {
  return switch_capability(desk, request, false);
}

}  // namespace aivault::admin
