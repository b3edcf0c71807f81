#include "catalog/credential.h"

#include <algorithm>

#include "catalog/derived.h"
#include "catalog/facts.h"
#include "catalog/tenant.h"
#include "crypto/sha256.h"
#include "registry/operator_file.h"

namespace aivault::catalog {
namespace {

using json::Value;

Value texts(const std::vector<std::string>& list) {
  Value array = Value::array();
  for (const auto& text : list) array.push(text);
  return array;
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

// Binds every credential of the provider, also one that the operator has made by hand.
std::shared_ptr<const policy::ProviderRules> rules_of(const registry::Provider& provider) {
  policy::ProviderRules rules;
  rules.never.assign(provider.never.begin(), provider.never.end());
  for (const auto& slot : provider.slots) {
    rules.listed_hosts.insert(rules.listed_hosts.end(), slot.hosts.begin(), slot.hosts.end());
  }
  // Those of compiled-in providers are refused everywhere.
  if (registry::is_operator_id(provider.id)) {
    for (const auto& kind : provider.kinds) {
      for (auto& name : registry::managed_headers(spec_of(kind))) {
        rules.injected_headers.push_back(std::move(name));
      }
    }
  }
  return std::make_shared<const policy::ProviderRules>(std::move(rules));
}

// A provider file that is gone leaves its credentials, switched off.
bool waits_for_its_file(const vault::CredentialRow& row) {
  return registry::is_operator_id(row.provider) && !row.enabled;
}

// {name}, but not as a part of {{name}}.
bool holds_param(std::string_view text, std::string_view name) {
  const std::string param = "{" + std::string(name) + "}";
  for (auto at = text.find(param); at != std::string_view::npos; at = text.find(param, at + 1)) {
    if (at == 0 || text[at - 1] != '{') return true;
  }
  return false;
}

// Where tokens of this tenant come from, and what its requests for them say. What only this kind
// needs is missed by no other.
void bind_endpoint(const registry::Provider& provider, Tenant& tenant, registry::AuthSpec& spec) {
  auto* oauth = std::get_if<registry::OAuth2Auth>(&spec);
  if (oauth == nullptr) return;
  const auto bind = [&](std::string& text) {
    text = with_known_params(text, tenant.params);
    for (const auto& param : provider.params) {
      const bool known =
          std::ranges::find(tenant.missing_params, param.name) != tenant.missing_params.end();
      if (!known && holds_param(text, param.name)) tenant.missing_params.emplace_back(param.name);
    }
  };
  bind(oauth->token_endpoint);
  for (auto& [name, value] : oauth->extra_params) bind(value);
}

void apply_registry(const registry::Provider& provider,
                    const vault::CredentialRow& row,
                    const Facts& facts,
                    const Params& params,
                    Credential& credential) {
  const auto* named = find_kind(provider, facts.kind);
  const auto& kind = named != nullptr ? *named : base_kind(provider);
  credential.from_registry = true;
  credential.kind = kind.name;
  credential.named_only = kind.named_only;
  credential.methods.assign(kind.methods.begin(), kind.methods.end());
  credential.priority = kind.priority;
  for (const auto& claim : kind.secrets) {
    if (claim.is_public) credential.public_fields.emplace_back(claim.placeholder);
  }
  auto tenant = find_tenant(provider, facts.hosts, params);
  auto& policy = credential.policy;
  policy.auth = spec_of(kind);
  bind_endpoint(provider, tenant, policy.auth);
  policy.path_prefix = kind.path_prefix;
  policy.hosts = std::move(tenant.hosts);
  for (const auto& header : provider.headers) {
    if (auto value = with_params(header.value, tenant.params)) {
      policy.default_headers.push_back(
          {std::string(header.name), *std::move(value), header.override_by_caller});
    }
  }
  policy.request_headers.assign(provider.request_headers.begin(), provider.request_headers.end());
  policy.managed_parameters.assign(provider.managed_parameters.begin(),
                                   provider.managed_parameters.end());
  // What an operator describes in a file of its own may be anywhere, as with custom credentials.
  if (registry::is_operator_id(provider.id)) {
    policy.allow_any_port = true;
    if (facts.allow_private_network) policy.addresses = policy::AddressPolicy::allow_private;
    credential.tls_ca_pem = facts.tls_ca_pem;
  }
  credential.params = std::move(tenant.params);
  const std::string create = "aivault credential create ID --provider " + row.provider +
                             " --secret-ref " +
                             (row.secret_id ? "vault:secret:" + row.secret_id->str() : "REF");
  if (!tenant.missing_params.empty()) {
    credential.state = CredentialState::needs_param;
    credential.state_detail = "needs param " + joined(tenant.missing_params) + ": " + create +
                              " --param " + tenant.missing_params.front() + "=VALUE";
  } else if (tenant.needs_host) {
    credential.state = CredentialState::needs_host;
    credential.state_detail = "needs host: " + create + " --host HOST";
  }
}

void apply_custom(const Facts& facts, Credential& credential) {
  auto& policy = credential.policy;
  policy.auth = facts.auth ? *facts.auth : postgres_auth();
  policy.hosts = facts.hosts;
  policy.path_prefix = facts.path_prefix;
  policy.allow_any_port = true;
  if (facts.allow_private_network) policy.addresses = policy::AddressPolicy::allow_private;
  for (const auto& [name, value] : facts.default_headers) {
    policy.default_headers.push_back({name, value, true});
  }
  credential.priority = facts.priority;
  credential.capability_list = facts.capabilities;
  credential.tls_ca_pem = facts.tls_ca_pem;
  credential.max_policy_mode = facts.max_policy_mode;
}

}  // namespace

std::string_view to_string(CredentialState state) {
  switch (state) {
    case CredentialState::ready: return "ready";
    case CredentialState::needs_secret: return "needs secret";
    case CredentialState::needs_host: return "needs host";
    case CredentialState::needs_param: return "needs param";
    case CredentialState::invalid_secret: return "invalid secret";
    case CredentialState::disabled: return "disabled";
    case CredentialState::damaged: break;
  }
  return "damaged";
}

Value to_json(const Credential& credential) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  const auto& policy = credential.policy;
  Value shape = Value::object({{"id", credential.id},
                               {"provider", credential.provider},
                               {"workspaceId", or_null(credential.scope.workspace)},
                               {"groupId", or_null(credential.scope.group)},
                               {"auth", registry::to_json(policy.auth)},
                               {"hosts", texts(policy.hosts)}});
  if (!credential.capability_list.empty()) {
    shape.set("capabilities", texts(credential.capability_list));
  }
  if (credential.priority != 0) shape.set("priority", credential.priority);
  if (!policy.path_prefix.empty()) shape.set("upstreamPathPrefix", policy.path_prefix);
  shape.set("secretRef",
            credential.secret_id ? Value("vault:secret:" + credential.secret_id->str()) : Value());
  if (!credential.params.empty()) {
    Value params = Value::object();
    for (const auto& [name, value] : credential.params) params.set(name, value);
    shape.set("params", std::move(params));
  }
  if (!credential.from_registry && !policy.default_headers.empty()) {
    Value headers = Value::array();
    for (const auto& header : policy.default_headers) {
      headers.push(Value::object({{"name", header.name}, {"value", header.value}}));
    }
    shape.set("defaultHeaders", std::move(headers));
  }
  if (credential.max_policy_mode) shape.set("maxPolicyMode", *credential.max_policy_mode);
  if (policy.addresses == policy::AddressPolicy::allow_private) {
    shape.set("allowPrivateNetwork", true);
  }
  if (!credential.tls_ca_pem.empty()) {
    shape.set("tlsCaSha256", crypto::sha256_hex(credential.tls_ca_pem));
  }
  if (!credential.enabled) shape.set("disabled", true);
  return shape;
}

Result<Credential> parse_credential(const vault::CredentialRow& row,
                                    const registry::Provider* provider) {
  TRY_ASSIGN(const auto facts, parse_facts(row.body));
  if (facts.imported) {
    return invalid_request("record_invalid",
                           "was imported switched off: " + facts.imported->reason +
                               "; to use it, delete it and create it anew: aivault credential "
                               "create " +
                               row.id);
  }
  TRY_ASSIGN(const auto params, parse_params(row.params));
  Credential credential;
  credential.id = credential.policy.id = row.id;
  credential.provider = row.provider;
  credential.derived = row.origin == vault::Origin::registry;
  credential.enabled = row.enabled;
  credential.scope = row.scope;
  credential.secret_id = row.secret_id;
  if (facts.auth || row.provider == kPostgres) {
    if (facts.hosts.empty()) {
      return policy_violation("host_mismatch", "credential hosts are required");
    }
    apply_custom(facts, credential);
  } else if (provider != nullptr) {
    apply_registry(*provider, row, facts, params, credential);
  } else if (waits_for_its_file(row)) {
    credential.from_registry = true;
    credential.kind = facts.kind;
    credential.params = params;
    credential.policy.hosts = facts.hosts;
  } else if (registry::is_operator_id(row.provider)) {
    return invalid_request("record_invalid",
                           "no file of provider '" + row.provider + "' is in force");
  } else {
    return invalid_request("record_invalid",
                           "credential provider '" + row.provider + "' is not in the registry");
  }
  if (provider != nullptr) credential.policy.provider = rules_of(*provider);
  if (!row.enabled) {
    credential.state = CredentialState::disabled;
    credential.state_detail = "disabled: aivault credential enable " + row.id;
  }
  return credential;
}

}  // namespace aivault::catalog
