#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/pem.h"
#include "admin/shapes.h"
#include "auth/material.h"
#include "base/text.h"
#include "catalog/credential.h"
#include "catalog/derived.h"
#include "catalog/facts.h"
#include "catalog/identifier.h"
#include "catalog/tenant.h"
#include "http/host.h"
#include "http/message.h"
#include "json/write.h"
#include "registry/header_names.h"
#include "registry/operator_file.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

// What a creation request asks for, as far as it can be judged without the secret.
struct Wanted {
  std::string id, provider_id, secret_ref;
  const registry::Provider* provider = nullptr;  // Of the registry.
  vault::Context context;
  catalog::Facts facts;
  catalog::Params params;
  std::vector<Answer::Notice> notices;
};

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

tl::unexpected<Error> taken(const std::string& id) {
  return already_exists("credential '" + id + "' already exists");
}

// A damaged row keeps its id, too.
Result<bool> is_taken(vault::Reader& reader, const std::string& id) {
  const auto row = reader.credential(id);
  if (row) return row->has_value();
  if (is_damaged_row(row.error())) return true;
  return fail(row.error());
}

Result<void> read_mode(const Body& body, Wanted& wanted) {
  TRY_ASSIGN(const auto given, body.text("maxPolicyMode"));
  if (!given) return {};
  if (wanted.provider_id != catalog::kPostgres) {
    return invalid("--max-policy-mode is only supported for postgres");
  }
  auto mode = to_lower(trim(*given));
  if (mode == "readonly" || mode == "read_only") mode = "read-only";
  if (mode != "read-only" && mode != "write" && mode != "admin") {
    return invalid("--max-policy-mode must be read-only, write or admin");
  }
  wanted.facts.max_policy_mode = std::move(mode);
  return {};
}

Result<void> check_default_header(const std::string& name, const std::string& value) {
  const std::string quoted = "--default-header '" + quote_for_message(name) + "'";
  const auto injected = registry::injected_headers();
  if (!http::is_token(name)) return invalid(quoted + " is not a header name");
  if (registry::is_broker_header(name) || registry::is_credential_header(name) ||
      std::ranges::find(injected, name) != injected.end()) {
    return invalid(quoted + " is managed by the broker");
  }
  if (!http::is_field_value(value)) return invalid(quoted + " has a value that cannot be sent");
  return {};
}

Result<std::vector<std::string>> hosts_in(const Body& body) {
  std::vector<std::string> hosts;
  TRY_ASSIGN(const auto given, body.texts("hosts"));
  for (const auto& raw : given) {
    if (trim(raw).empty()) continue;
    if (raw.find('*') != std::string::npos) {
      return policy_violation("host_mismatch", "wildcard hosts are invalid for core conformance");
    }
    TRY_ASSIGN(const auto host, http::parse_authority(raw));
    auto text = host.text();
    if (std::ranges::find(hosts, text) == hosts.end()) hosts.push_back(std::move(text));
  }
  return hosts;
}

Result<void> read_network(const Body& body, Wanted& wanted) {
  TRY_ASSIGN(wanted.facts.allow_private_network, body.flag("allowPrivateNetwork"));
  TRY_ASSIGN(const auto pem, body.text("tlsCaPem"));
  if (pem) {
    TRY(check_trust_anchors(*pem));
    wanted.facts.tls_ca_pem = *pem;
  }
  return {};
}

Result<void> read_custom(const Body& body, Wanted& wanted) {
  if (body.value("auth") == nullptr && wanted.provider_id != catalog::kPostgres) {
    return invalid("--auth is required when provider is not in built-in registry");
  }
  TRY_ASSIGN(const auto given, body.texts("hosts"));
  if (given.empty()) {
    return invalid("at least one --host is required when provider is not in built-in registry");
  }
  TRY_ASSIGN(wanted.facts.hosts, hosts_in(body));
  if (wanted.facts.hosts.empty()) {
    return policy_violation("host_mismatch", "credential hosts are required");
  }
  registry::AuthSpec spec = catalog::postgres_auth();
  if (const auto* auth = body.value("auth"); auth != nullptr) {
    TRY_ASSIGN(spec, registry::parse_auth(*auth));
    wanted.facts.auth = spec;
  }
  TRY_ASSIGN(const auto headers, body.named_values("defaultHeaders"));
  for (const auto& [raw, value] : headers) {
    const auto name = to_lower(trim(raw));
    TRY(check_default_header(name, value));
    const auto managed = registry::managed_headers(spec);
    if (std::ranges::find(managed, name) != managed.end()) {
      return invalid("--default-header '" + name + "' is set by the credential itself");
    }
    wanted.facts.default_headers.emplace_back(name, value);
  }
  TRY(read_network(body, wanted));
  if (!wanted.params.empty()) return invalid("--param is only supported for registry providers");
  return {};
}

Result<void> refuse_custom_flags(const Body& body) {
  TRY_ASSIGN(const auto headers, body.named_values("defaultHeaders"));
  TRY_ASSIGN(const bool allow_private, body.flag("allowPrivateNetwork"));
  const auto refuse = [](std::string_view flag) {
    return policy_violation("auth_config",
                            std::string(flag) + " is not available for registry providers");
  };
  if (!headers.empty()) return refuse("--default-header");
  if (allow_private) return refuse("--allow-private-network");
  if (body.value("tlsCaPem") != nullptr) return refuse("--tls-ca-file");
  return {};
}

// A provider of the operator's own may be in a private network; its headers are those of its file.
Result<void> read_surroundings(const Body& body, Wanted& wanted) {
  TRY_ASSIGN(const auto headers, body.named_values("defaultHeaders"));
  if (!headers.empty()) {
    return policy_violation("auth_config",
                            "--default-header is not available for registry providers");
  }
  return read_network(body, wanted);
}

Result<void> check_params(const Wanted& wanted) {
  for (const auto& [name, value] : wanted.params) {
    const auto* param = catalog::find_param(*wanted.provider, name);
    if (param == nullptr) {
      return invalid("unknown param '" + quote_for_message(name) + "' for provider '" +
                     wanted.provider_id + "'");
    }
    if (!catalog::is_param_value(*param, value)) {
      return invalid("invalid param '" + quote_for_message(name) + "': expected " +
                     std::string(param->chars) + ", such as '" + std::string(param->example) + "'");
    }
  }
  return {};
}

Result<void> read_registry(const Body& body, Wanted& wanted) {
  const auto& provider = *wanted.provider;
  TRY_ASSIGN(const auto given, body.texts("hosts"));
  const auto defaults = catalog::find_tenant(provider, {}, wanted.params);
  if (given.empty() && defaults.hosts.empty() && defaults.missing_params.empty()) {
    return invalid("at least one --host is required");
  }
  TRY_ASSIGN(wanted.facts.hosts, hosts_in(body));
  for (const auto& text : wanted.facts.hosts) {
    TRY_ASSIGN(const auto host, http::parse_authority(text));
    if (host.port() && !registry::is_operator_id(provider.id)) {
      return policy_violation("port_not_allowed", "non-default port not allowed");
    }
    if (!catalog::is_host_of(provider, host)) {
      return policy_violation("host_mismatch",
                              "credential host is not allowed by registry provider host policy");
    }
  }
  TRY(registry::is_operator_id(provider.id) ? read_surroundings(body, wanted)
                                            : refuse_custom_flags(body));
  return check_params(wanted);
}

Result<Wanted> read_wanted(const Body& body, std::string id, const registry::Registry& known) {
  Wanted wanted;
  wanted.id = std::move(id);
  TRY_ASSIGN(wanted.provider_id, body.text_or_empty("provider"));
  if (wanted.provider_id.empty()) return invalid("credential provider is required");
  TRY(catalog::check_provider_id(wanted.provider_id));
  wanted.provider = known.find_provider(wanted.provider_id);
  TRY_ASSIGN(const auto workspace, body.text_or_empty("workspaceId"));
  TRY_ASSIGN(const auto group, body.text_or_empty("groupId"));
  TRY_ASSIGN(wanted.context, vault::make_context(workspace, group));
  TRY(read_mode(body, wanted));
  TRY_ASSIGN(wanted.params, body.pairs("params"));
  TRY(body.named_values("defaultHeaders"));
  TRY(wanted.provider != nullptr ? read_registry(body, wanted) : read_custom(body, wanted));
  TRY_ASSIGN(wanted.secret_ref, body.text_or_empty("secretRef"));
  return wanted;
}

// Attachments may come later for global secrets; other scopes must be in reach now.
bool may_reach(const vault::SecretRecord& secret, const vault::Context& context) {
  using Kind = vault::Scope::Kind;
  if (context.workspace.empty() || secret.scope.kind == Kind::global) return true;
  if (secret.scope.workspace == context.workspace &&
      (secret.scope.kind == Kind::workspace || context.group.empty() ||
       secret.scope.group == context.group)) {
    return true;
  }
  return std::ranges::any_of(secret.attached, [&](const vault::Attachment& attached) {
    return attached.workspace == context.workspace &&
           (context.group.empty() || attached.group == context.group);
  });
}

Result<vault::SecretRecord> find_secret(vault::Change& change, const Wanted& wanted) {
  const auto id = parse_secret_ref(wanted.secret_ref);
  if (!id) return invalid("invalid secret_ref (expected vault:secret:<id>)");
  TRY_ASSIGN(auto secret, change.secret(*id));
  if (!secret || secret->revoked_at) return not_found("secret does not exist");
  const auto& pin = secret->pinned_provider;
  const bool fits =
      wanted.provider != nullptr ? catalog::pin_allows(pin, wanted.provider_id) : !pin;
  if (!fits) {
    return policy_violation("secret_pinned",
                            "secret is pinned to provider '" + *pin +
                                "' and cannot be used for provider '" + wanted.provider_id + "'");
  }
  if (!may_reach(*secret, wanted.context)) {
    return policy_violation("secret_not_accessible", "secret not accessible");
  }
  return *std::move(secret);
}

// The registry's auth is what counts; the caller is told when it differs from what it gave.
void warn_about_auth(const Body& body, const registry::AuthSpec& spec, Wanted& wanted) {
  const auto* given = body.value("auth");
  if (given == nullptr) return;
  const auto parsed = registry::parse_auth(*given);
  if (parsed && *parsed == spec) return;
  wanted.notices.push_back(warning("--auth is ignored: provider '" + wanted.provider_id +
                                   "' uses the auth of the registry (" +
                                   std::string(registry::auth_word(spec)) + ")"));
}

Result<vault::CredentialRow> store(vault::Change& change,
                                   const Body& body,
                                   const Request& request,
                                   Wanted& wanted) {
  TRY_ASSIGN(const bool exists, is_taken(change, wanted.id));
  if (exists) return taken(wanted.id);
  TRY_ASSIGN(const auto secret, find_secret(change, wanted));
  auto& facts = wanted.facts;
  registry::AuthSpec spec;
  if (wanted.provider != nullptr) {
    const auto& kind = catalog::kind_for(*wanted.provider, secret);
    facts.kind = kind.name;
    spec = catalog::spec_of(kind);
    warn_about_auth(body, spec, wanted);
  } else {
    spec = facts.auth ? *facts.auth : catalog::postgres_auth();
  }
  TRY_ASSIGN(const auto value, change.open_internally(secret.id));
  if (auto fits = auth::check_material(spec, value); !fits) {
    facts.misfit = catalog::Facts::Misfit{secret.value_version, fits.error().message};
    wanted.notices.push_back(warning("credential '" + wanted.id + "' cannot be used until " +
                                     secret.name + " is rotated: " + fits.error().message));
  }
  vault::CredentialRow row;
  row.id = wanted.id;
  row.provider = wanted.provider_id;
  TRY_ASSIGN(row.scope,
             vault::make_scope(wanted.context.workspace.empty() ? "global"
                               : wanted.context.group.empty()   ? "workspace"
                                                                : "group",
                               wanted.context.workspace,
                               wanted.context.group));
  row.secret_id = secret.id;
  row.params = catalog::to_params_text(wanted.params);
  row.body = catalog::to_body(facts);
  row.created_at = row.updated_at = change.now();
  TRY(change.put(row));
  change.record(catalog::event_of(who(request), "credential.create", row));
  return row;
}

}  // namespace

Result<Answer> create_credential(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"id",
                         "provider",
                         "secretRef",
                         "workspaceId",
                         "groupId",
                         "auth",
                         "hosts",
                         "params",
                         "defaultHeaders",
                         "maxPolicyMode",
                         "allowPrivateNetwork",
                         "tlsCaPem"}));
  TRY_ASSIGN(auto id, body.text_or_empty("id"));
  if (id.empty()) return invalid("credential id is required");
  TRY(catalog::check_credential_id(id));
  TRY_ASSIGN(const auto open, open_vault(desk));
  TRY_ASSIGN(const bool exists,
             vault::read(*open.vault, [&](vault::Reader& reader) { return is_taken(reader, id); }));
  if (exists) return taken(id);
  TRY_ASSIGN(auto wanted, read_wanted(body, std::move(id), open.snapshot->registry()));
  TRY_ASSIGN(const auto row, vault::change(*open.vault, [&](vault::Change& change) {
               return store(change, body, request, wanted);
             }));
  TRY_ASSIGN(const auto credential, catalog::parse_credential(row, wanted.provider));
  if (credential.state != catalog::CredentialState::ready) {
    wanted.notices.push_back(
        warning("credential '" + credential.id + "' " + credential.state_detail));
  }
  return changed(shape(catalog::to_json(credential)), std::move(wanted.notices));
}

}  // namespace aivault::admin
