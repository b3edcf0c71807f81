#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/records.h"
#include "admin/shapes.h"
#include "base/encoding.h"
#include "base/text.h"
#include "catalog/derived.h"

namespace aivault::admin {
namespace {

using json::Value;
using vault::BindingRow;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

std::string_view kind_of(const vault::Scope& scope) {
  using Kind = vault::Scope::Kind;
  switch (scope.kind) {
    case Kind::global: break;
    case Kind::workspace: return "workspace";
    case Kind::group: return "group";
  }
  return "global";
}

Value scope_shape(const vault::Scope& scope) {
  auto shape = Value::object({{"type", std::string(kind_of(scope))}});
  if (!scope.workspace.empty()) shape.set("workspace_id", scope.workspace);
  if (!scope.group.empty()) shape.set("group_id", scope.group);
  return shape;
}

// Binding, keys in documented order.
Value to_json(const BindingRow& binding) {
  auto result = Value::object({{"capability", binding.capability},
                               {"secretRef", "vault:secret:" + binding.secret_id.str()},
                               {"scope", scope_shape(binding.scope)}});
  if (!binding.consumer.empty()) result.set("consumer", binding.consumer);
  result.set("updatedAtMs", to_int(binding.updated_at));
  return result;
}

audit::Event event_of(const Request& request, std::string kind, const BindingRow& binding) {
  auto event = catalog::event_of(who(request), std::move(kind));
  event.capability = binding.capability;
  event.scope = binding.scope.text();
  event.consumer = binding.consumer;
  event.secret_id = binding.secret_id.str();
  return event;
}

// Capability, scope and consumer, as given.
Result<BindingRow> key_in(const Body& body) {
  BindingRow key;
  TRY_ASSIGN(key.capability, body.text_or_empty("capability"));
  if (key.capability.empty()) return invalid("--capability is required");
  TRY_ASSIGN(key.scope, body.scope());
  TRY_ASSIGN(key.consumer, body.text_or_empty("consumer"));
  return key;
}

// By capability, scope, consumer: the order of the list, and where a page of it ends.
std::string place_of(const BindingRow& binding) {
  const auto& scope = binding.scope;
  const std::string_view parts[] = {binding.capability,
                                    scope.kind == vault::Scope::Kind::global      ? "0"
                                    : scope.kind == vault::Scope::Kind::workspace ? "1"
                                                                                  : "2",
                                    scope.workspace,
                                    scope.group,
                                    binding.consumer};
  std::string place;
  for (const auto part : parts) (place += part) += '\0';
  return place;
}

struct BindingFilter {
  std::string capability;
  std::optional<std::string> scope, workspace, group, consumer;

  bool takes(const BindingRow& binding) const {
    const auto is = [](const std::optional<std::string>& wanted, const std::string& text) {
      return !wanted || *wanted == text;
    };
    return (capability.empty() || capability == binding.capability) &&
           is(scope, std::string(kind_of(binding.scope))) &&
           is(workspace, binding.scope.workspace) && is(group, binding.scope.group) &&
           is(consumer, binding.consumer);
  }
};

Result<BindingFilter> filter_in(const Request& request, const catalog::Snapshot& snapshot) {
  const Query query(request);
  BindingFilter filter;
  filter.capability = query.text("capability").value_or("");
  if (const auto* known = snapshot.find_capability(filter.capability))
    filter.capability = known->id;
  filter.scope = query.text("scope");
  if (filter.scope && *filter.scope != "global" && *filter.scope != "workspace" &&
      *filter.scope != "group") {
    return invalid("'scope' must be global, workspace or group");
  }
  filter.workspace = query.text("workspaceId");
  filter.group = query.text("groupId");
  filter.consumer = query.text("consumer");
  return filter;
}

tl::unexpected<Error> unknown_capability(const std::string& id) {
  return not_found("capability '" + quote_for_message(id) + "' not found");
}

Result<void> check_pin(const vault::SecretRecord& secret, const registry::Capability& capability) {
  const auto& pin = secret.pinned_provider;
  if (catalog::pin_allows(pin, capability.provider)) return {};
  return policy_violation("secret_pinned",
                          "secret is pinned to provider '" + *pin +
                              "' and cannot be bound to capability '" + std::string(capability.id) +
                              "'");
}

}  // namespace

Result<Answer> list_bindings(Desk& desk, const Request& request) {
  TRY_ASSIGN(auto records, Records::open(desk));
  TRY_ASSIGN(const auto snapshot, records.snapshot());
  TRY_ASSIGN(const auto filter, filter_in(request, *snapshot));
  const Query query(request);
  TRY_ASSIGN(const auto limit, query.limit());
  std::optional<std::string> after;
  if (const auto cursor = query.text("cursor")) {
    after = from_hex(*cursor);
    if (!after) return invalid("'cursor' is not one of ours");
  }
  auto damaged = records.warnings();
  TRY_ASSIGN(auto bindings,
             records.read([&](vault::Reader& reader) { return reader.bindings(damaged); }));
  std::erase_if(bindings, [&](const BindingRow& binding) {
    return !filter.takes(binding) || (after && place_of(binding) <= *after);
  });
  std::ranges::sort(bindings, {}, place_of);
  Value next;
  if (bindings.size() > limit) {
    bindings.resize(limit);
    if (!bindings.empty()) {
      const auto last = place_of(bindings.back());
      next = hex(bytes_of(last));
    }
  }
  Value items = Value::array();
  for (const auto& binding : bindings) items.push(to_json(binding));
  return shape(list_of(std::move(items), std::move(next), damaged));
}

Result<Answer> bind_capability(Desk& desk, const Request& request) {
  TRY_ASSIGN(
      const auto body,
      Body::open(request,
                 {"capability", "secretRef", "scope", "workspaceId", "groupId", "consumer"}));
  TRY_ASSIGN(auto binding, key_in(body));
  TRY_ASSIGN(const auto ref, body.text_or_empty("secretRef"));
  const auto id = parse_secret_ref(ref);
  if (!id) return invalid("invalid secret_ref (expected vault:secret:<id>)");
  binding.secret_id = *id;
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto* capability = open.snapshot->find_capability(binding.capability);
  TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
    TRY_ASSIGN(const auto secret, change.secret(binding.secret_id));
    if (!secret || secret->revoked_at) {
      return not_found("secret not found: this secret does not exist or was revoked");
    }
    if (capability == nullptr) return unknown_capability(binding.capability);
    binding.capability = capability->id;
    TRY(check_pin(*secret, *capability));
    binding.updated_at = change.now();
    // One that failed its check is replaced without being trusted.
    const auto before = change.binding(binding.id());
    if (!before && is_damaged_row(before.error())) TRY(change.remove_binding(binding.id()));
    TRY(change.put(binding));
    change.record(event_of(request, "capability.bind", binding));
    return {};
  }));
  return changed(shape(to_json(binding)));
}

Result<Answer> unbind_capability(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request, {"capability", "scope", "workspaceId", "groupId", "consumer"}));
  TRY_ASSIGN(auto key, key_in(body));
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto* capability = open.snapshot->find_capability(key.capability);
  if (capability != nullptr) key.capability = capability->id;
  const auto before =
      vault::read(*open.vault, [&](vault::Reader& reader) { return reader.binding(key.id()); });
  if (!before && !is_damaged_row(before.error())) return fail(before.error());
  bool removed = false;
  if (!before || *before) {
    TRY(open.vault->change([&](vault::Change& change) -> Result<void> {
      if (before) key.secret_id = (*before)->secret_id;
      TRY_ASSIGN(removed, change.remove_binding(key.id()));
      auto event = event_of(request, "capability.unbind", key);
      if (!before) event.note = "its row had failed the integrity check";
      change.record(std::move(event));
      return {};
    }));
  }
  return changed(
      ad_hoc(Value::object({{"path", database_path(*open.vault)}, {"removed", removed}})));
}

}  // namespace aivault::admin
