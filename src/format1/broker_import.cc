#include <array>
#include <optional>
#include <utility>

#include "catalog/own_capability.h"
#include "catalog/policy_row.h"
#include "catalog/provision.h"
#include "format1/broker_file.h"
#include "format1/credential_import.h"
#include "format1/fields.h"
#include "format1/run.h"
#include "format1/target.h"
#include "registry/registry.h"
#include "vault/secret_rules.h"

namespace aivault::format1 {
namespace {

using json::Value;

// Numbers of an old policy: none of them is negative.
constexpr std::array<std::string_view, 3> kLimits = {
    "rateLimitPerMinute", "maxRequestBodyBytes", "maxResponseBodyBytes"};
constexpr std::string_view kBlocklist = "responseBodyBlocklist";

Result<std::string> policy_body(const Value& limits) {
  Value body = Value::object();
  for (const auto key : kLimits) {
    TRY_ASSIGN(const auto number, integer_in(limits, key));
    if (number && *number < 0) return malformed(key);
    if (number) body.set(key, *number);
  }
  TRY_ASSIGN(const auto blocklist, texts_in(limits, kBlocklist));
  if (!blocklist.empty()) {
    Value list = Value::array();
    for (const auto& entry : blocklist) list.push(entry);
    body.set(kBlocklist, std::move(list));
  }
  TRY_ASSIGN(const auto understood, catalog::parse_limits(body));
  return catalog::body_of(understood);
}

Result<void> take_capability(Run& run, const OldCapability& old) {
  // What the registry defines is not the operator's.
  if (registry::find_capability(old.id) != nullptr || registry::find_retired(old.id) != nullptr) {
    return {};
  }
  if (old.hosts.size() != 1) {
    return policy_violation("host_mismatch", "core conformance requires allow.hosts length = 1");
  }
  const auto id = capability_id_of(run, old.id);
  TRY_ASSIGN(const auto made,
             catalog::OwnCapability::create(
                 {id, old.provider, old.hosts.front(), old.methods, old.path_prefixes}));
  TRY_ASSIGN(const auto there, run.change.capability(id));
  if (there && run.choice.taken == Taken::skipped) {
    run.report.add_skipped("capability", id, "exists");
    return {};
  }
  vault::CapabilityRow row;
  row.id = id;
  row.provider = made->definition().provider;
  row.body = made->body();
  row.created_at = row.updated_at = run.change.now();
  TRY(run.change.put(row));
  run.callable.add_capability(row);
  ++run.report.capabilities;
  auto event = catalog::event_of(run.who, "capability.create");
  event.capability = id;
  event.note = "provider " + row.provider + catalog::body_note(row.body);
  run.change.record(std::move(event));
  return {};
}

Result<void> take_policy(Run& run, const OldPolicy& old) {
  TRY_ASSIGN(const auto target, find_target(run, old.capability));
  if (!target) {
    run.report.add_skipped("policy", old.capability, "no such capability");
    return {};
  }
  TRY_ASSIGN(const auto there, run.change.policy(*target));
  if (there && run.choice.taken == Taken::skipped) {
    run.report.add_skipped("policy", *target, "exists");
    return {};
  }
  TRY_ASSIGN(auto body, policy_body(old.limits));
  TRY(run.change.put(vault::PolicyRow{*target, body, run.change.now()}));
  ++run.report.policies;
  auto event = catalog::event_of(run.who, "capability.policy");
  event.capability = *target;
  event.note = "imported" + catalog::body_note(body);
  run.change.record(std::move(event));
  return {};
}

Result<void> take_binding(Run& run, const OldBinding& old) {
  const auto skip = [&](std::string_view reason) {
    run.report.add_skipped("binding", old.capability, std::string(reason));
    return Result<void>();
  };
  TRY_ASSIGN(const auto target, find_target(run, old.capability));
  if (!target) return skip("no such capability");
  TRY_ASSIGN(const auto referred, referred_secret(run, old.secret_ref));
  if (!referred.secret) return skip(referred.why_not);
  vault::BindingRow row;
  row.capability = *target;
  TRY_ASSIGN(row.scope, run.ids.translate(old.place));
  row.consumer = old.consumer;
  row.secret_id = referred.secret->id;
  row.updated_at = old.updated_at;
  TRY(vault::check_binding(row));
  TRY_ASSIGN(const auto there, run.change.binding(row.id()));
  if (there && run.choice.taken == Taken::skipped) return skip("exists");
  TRY(run.change.put(row));
  TRY(run.callable.add_binding(run.change, row, referred.secret->name));
  ++run.report.bindings;
  auto event = catalog::event_of(run.who, "capability.bind");
  event.capability = row.capability;
  event.secret_id = row.secret_id.str();
  event.scope = row.scope.text();
  event.consumer = row.consumer;
  run.change.record(std::move(event));
  return {};
}

template <typename Entry>
Result<void> take_all(Run& run,
                      std::string_view kind,
                      std::vector<Read<Entry>>& entries,
                      Result<void> (*take)(Run&, const Entry&)) {
  for (auto& read : entries) {
    Result<void> outcome;
    if (read.entry) {
      outcome = take(run, *read.entry);
    } else {
      outcome = fail(read.entry.error());
    }
    TRY(settle(run, std::string(kind), read.id, std::move(outcome)));
  }
  return {};
}

// The text of a file, or nothing when there is none or it fails as a whole.
Result<std::optional<std::string>> load(Run& run, const char* name) {
  auto text = run.source.read(name);
  if (text) return *std::move(text);
  run.report.add_failure("file", name, text.error().message);
  return std::optional<std::string>();
}

}  // namespace

Result<void> import_broker(Run& run) {
  TRY_ASSIGN(const auto text, load(run, kBrokerFile));
  if (!text) return {};
  auto file = parse_broker_file(*text);
  if (!file) return settle(run, "file", kBrokerFile, fail(std::move(file).error()));
  TRY(take_all(run, "capability", file->capabilities, take_capability));
  TRY(take_all(run, "credential", file->credentials, take_credential));
  return take_all(run, "policy", file->policies, take_policy);
}

Result<void> import_bindings(Run& run) {
  TRY_ASSIGN(const auto text, load(run, kBindingsFile));
  if (!text) return {};
  auto bindings = parse_bindings_file(*text);
  if (!bindings) return settle(run, "file", kBindingsFile, fail(std::move(bindings).error()));
  return take_all(run, "binding", *bindings, take_binding);
}

}  // namespace aivault::format1
