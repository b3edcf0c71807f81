#include "catalog/own_capability.h"

#include <algorithm>

#include "base/text.h"
#include "catalog/identifier.h"
#include "http/host.h"
#include "http/message.h"
#include "http/target.h"
#include "json/parse.h"
#include "json/write.h"
#include "registry/registry.h"

namespace aivault::catalog {
namespace {

using json::Kind;
using json::Value;

Value texts(const auto& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(std::string_view(text));
  return array;
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

Result<std::string> canonical_method(std::string_view raw) {
  std::string method = to_upper(trim(raw));
  const std::string quoted = "'" + quote_for_message(trim(raw)) + "'";
  if (!http::is_token(method)) return invalid_request("record_invalid", "invalid method " + quoted);
  if (method == "CONNECT" || method == "TRACE") {
    return invalid_request("record_invalid", "method " + quoted + " is not allowed");
  }
  return method;
}

Result<std::string> canonical_host(std::string_view raw) {
  if (raw.find('*') != std::string_view::npos) {
    return policy_violation(
        "host_mismatch",
        "core conformance requires allow.hosts length = 1: one exact host, without a wildcard");
  }
  TRY_ASSIGN(const auto host, http::parse_authority(raw));
  return host.text();
}

registry::CallClass highest_class(const std::vector<std::string>& methods) {
  auto highest = registry::CallClass::read;
  for (const auto& method : methods) {
    highest = std::max(highest, registry::class_of_method(method));
  }
  return highest;
}

Result<std::vector<std::string>> texts_in(const Value& body, std::string_view key) {
  std::vector<std::string> list;
  const Value* found = body.find(key);
  if (found == nullptr) return list;
  const auto malformed = [&] {
    return invalid_request("record_invalid",
                           "capability record: malformed '" + std::string(key) + "'");
  };
  if (!found->is(Kind::array)) return malformed();
  for (const auto& item : found->items()) {
    if (!item.is(Kind::string)) return malformed();
    list.emplace_back(item.text());
  }
  return list;
}

}  // namespace

OwnCapability::OwnCapability(Definition definition) : definition_(std::move(definition)) {
  hosts_ = {definition_.host};
  methods_.assign(definition_.methods.begin(), definition_.methods.end());
  paths_.assign(definition_.paths.begin(), definition_.paths.end());
  rule_ = {methods_, paths_};
  capability_.id = definition_.id;
  capability_.provider = definition_.provider;
  capability_.declared = highest_class(definition_.methods);
  capability_.form = registry::PathForm::prefix;
  capability_.websocket = true;  // Where GET is listed; no read-only identity may do it.
  capability_.hosts = hosts_;
  capability_.allow = std::span(&rule_, 1);
  // Key management of a known vendor stays out of reach whatever the operator's prefixes say.
  if (const auto* provider = registry::find_provider(definition_.provider); provider != nullptr) {
    capability_.never = provider->never;
  }
}

Result<std::unique_ptr<OwnCapability>> OwnCapability::create(Definition definition) {
  TRY(check_capability_id(definition.id));
  TRY(check_provider_id(definition.provider));
  Definition canonical;
  canonical.id = std::move(definition.id);
  canonical.provider = std::move(definition.provider);
  TRY_ASSIGN(canonical.host, canonical_host(definition.host));
  for (const auto& raw : definition.methods) {
    TRY_ASSIGN(auto method, canonical_method(raw));
    add_once(canonical.methods, std::move(method));
  }
  for (auto& path : definition.paths) {
    TRY(http::check_prefix(path));
    add_once(canonical.paths, std::move(path));
  }
  if (canonical.methods.empty() || canonical.paths.empty()) {
    return policy_violation("path_not_allowed", "hosts, methods, and pathPrefixes are required");
  }
  return std::unique_ptr<OwnCapability>(new OwnCapability(std::move(canonical)));
}

Result<std::unique_ptr<OwnCapability>> OwnCapability::parse(const vault::CapabilityRow& row) {
  TRY_ASSIGN(const Value body, json::parse(row.body));
  Definition definition;
  definition.id = row.id;
  definition.provider = row.provider;
  TRY_ASSIGN(const auto hosts, texts_in(body, "hosts"));
  TRY_ASSIGN(definition.methods, texts_in(body, "methods"));
  TRY_ASSIGN(definition.paths, texts_in(body, "pathPrefixes"));
  if (hosts.empty()) {
    return policy_violation("host_mismatch", "hosts, methods, and pathPrefixes are required");
  }
  if (hosts.size() != 1) {
    return policy_violation("host_mismatch", "core conformance requires allow.hosts length = 1");
  }
  definition.host = hosts.front();
  return create(std::move(definition));
}

std::string OwnCapability::body() const {
  return json::compact(Value::object(
      {{"hosts", texts(hosts_)}, {"methods", texts(methods_)}, {"pathPrefixes", texts(paths_)}}));
}

Value to_json(const registry::Capability& capability) {
  return Value::object(
      {{"id", capability.id.view()},
       {"provider", capability.provider.view()},
       {"allow",
        Value::object({{"hosts", texts(capability.hosts)},
                       {"methods", texts(registry::methods_of(capability))},
                       {"pathPrefixes", texts(registry::prefixes_of(capability))}})}});
}

}  // namespace aivault::catalog
