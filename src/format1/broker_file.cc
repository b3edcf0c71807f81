#include "format1/broker_file.h"

#include "base/text.h"
#include "format1/fields.h"

namespace aivault::format1 {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kMaxList = 10'000;  // Hosts, methods or prefixes of one entry.

Result<std::vector<std::string>> list_in(const Value& object, std::string_view key) {
  TRY_ASSIGN(auto list, texts_in(object, key));
  if (list.size() > kMaxList) return malformed(key);
  return list;
}

Result<OldCredential> parse_credential(const Value& object) {
  OldCredential old;
  old.source = object;
  TRY_ASSIGN(const auto id, needed_text(object, "id"));
  old.id = trim(id);
  TRY_ASSIGN(const auto provider, needed_text(object, "provider"));
  old.provider = trim(provider);
  TRY_ASSIGN(const auto workspace, text_in(object, "workspaceId"));
  TRY_ASSIGN(const auto group, text_in(object, "groupId"));
  TRY_ASSIGN(old.place, place_of(workspace, group));
  if (const auto* auth = object.find("auth")) old.auth = *auth;
  TRY_ASSIGN(old.hosts, list_in(object, "hosts"));
  TRY_ASSIGN(old.capabilities, list_in(object, "capabilities"));
  TRY_ASSIGN(const auto priority, integer_in(object, "priority"));
  old.priority = priority.value_or(0);
  TRY_ASSIGN(const auto prefix, text_in(object, "upstreamPathPrefix"));
  old.path_prefix = prefix.value_or("");
  TRY_ASSIGN(const auto reference, text_in(object, "secretRef"));
  old.secret_ref = reference.value_or("");
  TRY_ASSIGN(old.max_policy_mode, text_in(object, "maxPolicyMode"));
  return old;
}

Result<OldCapability> parse_capability(const Value& object) {
  OldCapability old;
  TRY_ASSIGN(const auto id, needed_text(object, "id"));
  old.id = trim(id);
  TRY_ASSIGN(const auto provider, needed_text(object, "provider"));
  old.provider = trim(provider);
  const auto* allow = object.find("allow");
  if (allow == nullptr) return malformed("allow");
  TRY_ASSIGN(old.hosts, list_in(*allow, "hosts"));
  TRY_ASSIGN(old.methods, list_in(*allow, "methods"));
  TRY_ASSIGN(old.path_prefixes, list_in(*allow, "pathPrefixes"));
  return old;
}

Result<OldPolicy> parse_policy(const Value& object) {
  OldPolicy old;
  TRY_ASSIGN(const auto capability, needed_text(object, "capabilityId"));
  old.capability = trim(capability);
  const auto* limits = object.find("policy");
  if (limits == nullptr || !limits->is(Kind::object)) return malformed("policy");
  old.limits = *limits;
  return old;
}

Result<OldBinding> parse_binding(const Value& object) {
  OldBinding old;
  TRY_ASSIGN(const auto capability, needed_text(object, "capability"));
  old.capability = trim(capability);
  TRY_ASSIGN(old.secret_ref, needed_text(object, "secretRef"));
  TRY_ASSIGN(old.place, parse_typed_place(object.find("scope")));
  TRY_ASSIGN(const auto consumer, text_in(object, "consumer"));
  old.consumer = trim(consumer.value_or(""));
  TRY_ASSIGN(old.updated_at, needed_time(object, "updatedAtMs"));
  return old;
}

template <typename Entry>
Result<std::vector<Read<Entry>>> read_all(const Value& file,
                                          std::string_view key,
                                          std::string_view name_key,
                                          Result<Entry> (*parse)(const Value&)) {
  std::vector<Read<Entry>> all;
  TRY_ASSIGN(const auto objects, objects_in(file, key));
  for (const auto* object : objects) {
    const auto name = text_in(*object, name_key);
    all.push_back({name && *name ? std::string(trim(**name)) : std::string(), parse(*object)});
  }
  return all;
}

Result<Value> parse_object(std::string_view text) {
  TRY_ASSIGN(auto file, json::parse(text, file_limits()));
  if (!file.is(Kind::object)) {
    return invalid_request("record_invalid", "the file must hold a JSON object");
  }
  return file;
}

}  // namespace

Result<BrokerFile> parse_broker_file(std::string_view text) {
  TRY_ASSIGN(const auto file, parse_object(text));
  BrokerFile broker;
  TRY_ASSIGN(broker.credentials, read_all(file, "credentials", "id", parse_credential));
  TRY_ASSIGN(broker.capabilities, read_all(file, "capabilities", "id", parse_capability));
  TRY_ASSIGN(broker.policies, read_all(file, "policies", "capabilityId", parse_policy));
  return broker;
}

Result<std::vector<Read<OldBinding>>> parse_bindings_file(std::string_view text) {
  TRY_ASSIGN(const auto file, parse_object(text));
  return read_all(file, "bindings", "capability", parse_binding);
}

}  // namespace aivault::format1
