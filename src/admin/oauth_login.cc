#include "admin/oauth_login.h"

#include <algorithm>
#include <utility>

#include "admin/body.h"
#include "admin/login_places.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "catalog/derived.h"
#include "catalog/secret_changes.h"
#include "http/host.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using tokens::LoginPlan;

constexpr std::int64_t kShortestWindow = 1'000;     // Milliseconds.
constexpr std::int64_t kLongestWindow = 3'600'000;  // Milliseconds.
constexpr std::size_t kLongestUrl = 2048;           // Bytes.
constexpr std::size_t kMostScopes = 100;

tl::unexpected<Error> bad(std::string message) {
  return invalid_request("record_invalid", std::move(message));
}

// The kind of a provider that is refreshed: what a login makes tokens for.
const registry::AuthKind* login_kind(const registry::Provider& provider,
                                     const std::string& secret_name) {
  for (const auto& kind : provider.kinds) {
    if (kind.word != "oauth2" || kind.secrets.size() != 1) continue;
    if (secret_name.empty() || kind.secrets.front().name == secret_name) return &kind;
  }
  return nullptr;
}

void take_from_registry(const registry::Provider& provider,
                        const registry::AuthKind& kind,
                        const LoginTenant& tenant,
                        LoginPlan& plan) {
  const auto spec = catalog::spec_of(kind);
  const auto* oauth = std::get_if<registry::OAuth2Auth>(&spec);
  if (oauth == nullptr) return;
  plan.token_endpoint = login_place(oauth->token_endpoint, tenant);
  const auto found =
      std::ranges::find(provider.token_endpoints, kind.endpoint, &registry::TokenEndpoint::name);
  if (found != provider.token_endpoints.end()) {
    plan.auth_url = login_place(found->authorize, tenant);
    plan.device_url = login_place(found->device, tenant);
  }
  plan.default_ttl_s = oauth->default_ttl_s;
  plan.scopes = oauth->scopes;
  plan.client.auth = oauth->client_auth;
  plan.client.format = oauth->request_format;
}

Result<void> take_text(const Body& body, std::string_view key, std::string& into) {
  TRY_ASSIGN(auto text, body.text_or_empty(key));
  if (text.size() > kLongestUrl || has_control(text)) {
    return bad("'" + std::string(key) + "' is not usable");
  }
  if (!text.empty()) into = std::move(text);
  return {};
}

// http://127.0.0.1:PORT/callback and nothing else: a code goes to this machine only.
Result<void> check_redirect(const std::string& uri) {
  constexpr std::string_view kBegin = "http://127.0.0.1:";
  constexpr std::string_view kEnd = "/callback";
  const bool fits =
      uri.starts_with(kBegin) && uri.ends_with(kEnd) && uri.size() > kBegin.size() + kEnd.size();
  const auto port =
      fits ? uri.substr(kBegin.size(), uri.size() - kBegin.size() - kEnd.size()) : std::string();
  const bool is_port = fits && port.size() <= 5 &&
                       std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (is_port) return {};
  return bad("'redirectUri' must be http://127.0.0.1:PORT/callback");
}

Result<void> take_flow(const Body& body, LoginPlan& plan) {
  TRY_ASSIGN(const auto flow, body.text_or_empty("flow"));
  if (flow != "pkce" && flow != "device") return bad("'flow' must be pkce or device");
  if (flow == "device") plan.flow = LoginPlan::Flow::device;
  TRY(take_text(body, "redirectUri", plan.redirect_uri));
  TRY(take_text(body, "authUrl", plan.auth_url));
  TRY(take_text(body, "deviceUrl", plan.device_url));
  TRY(take_text(body, "tokenEndpoint", plan.token_endpoint));
  if (plan.token_endpoint.empty()) return bad("--token-endpoint is required");
  TRY(check_place(plan.token_endpoint));
  if (plan.flow == LoginPlan::Flow::device) {
    if (plan.device_url.empty()) return bad("--device-url is required");
    return check_place(plan.device_url);
  }
  if (plan.auth_url.empty()) return bad("--auth-url is required");
  TRY(check_place(plan.auth_url));
  return check_redirect(plan.redirect_uri);
}

Result<void> take_scopes(const Body& body, LoginPlan& plan) {
  TRY_ASSIGN(auto scopes, body.texts("scopes"));
  if (scopes.empty()) return {};
  if (scopes.size() > kMostScopes) return bad("too many scopes");
  for (const auto& scope : scopes) {
    if (scope.size() > kLongestUrl || has_control(scope)) return bad("a scope is not usable");
  }
  plan.scopes = std::move(scopes);
  return {};
}

Result<void> take_window(const Body& body, LoginPlan& plan) {
  TRY_ASSIGN(const auto wanted, body.integer("timeoutMs"));
  if (!wanted) return {};
  if (*wanted < kShortestWindow || *wanted > kLongestWindow) {
    return bad("--timeout must be at least 1s and at most 1h");
  }
  plan.window = std::chrono::milliseconds(*wanted);
  return {};
}

Result<vault::Scope> scope_in(const Body& body) {
  TRY_ASSIGN(const auto workspace, body.text_or_empty("workspaceId"));
  TRY_ASSIGN(const auto group, body.text_or_empty("groupId"));
  if (!group.empty()) return vault::make_scope("group", workspace, group);
  if (!workspace.empty()) return vault::make_scope("workspace", workspace, group);
  return vault::Scope::global_scope();
}

// Client id and secret of the secret that this login will rotate.
Result<tokens::KnownClient> known_client(vault::Vault& vault, const LoginPlan& plan) {
  TRY_ASSIGN(const auto found, vault::read(vault, [&](vault::Reader& reader) {
               return reader.secret_by_name(plan.scope, plan.secret_name);
             }));
  if (!found) return tokens::KnownClient();
  const vault::Context context{plan.scope.workspace, plan.scope.group};
  TRY_ASSIGN(const auto opened, vault.open_secret(found->id, context, vault::Opener::other));
  auto known = tokens::client_in(opened.value);
  if (known) return known;
  return bad("the secret '" + quote_for_message(plan.secret_name) +
             "' is no OAuth2 secret; use another --name");
}

// Microsoft's directory, for example: a part of the address that the secret keeps.
Result<void> take_tenant_id(const Body& body, const tokens::KnownClient& known, LoginPlan& plan) {
  constexpr std::size_t kLongest = 128;
  TRY_ASSIGN(const auto given, body.text_or_empty("tenantId"));
  const auto is_fit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  };
  if (given.size() > kLongest || !std::ranges::all_of(given, is_fit)) {
    return bad("--tenant-id holds letters, digits, '.' and '-' only");
  }
  plan.tenant_id = given.empty() ? known.tenant_id : given;
  return {};
}

Result<void> take_client(const Body& body, tokens::KnownClient known, LoginPlan& plan) {
  TRY(take_text(body, "clientId", plan.client.id));
  TRY_ASSIGN(auto given, body.secret("clientSecret"));
  if (plan.client.id.empty()) plan.client.id = known.id;
  if (plan.client.id.empty()) return bad("--client-id is required");
  if (given) {
    plan.client.secret = *std::move(given);
  } else if (plan.client.id == known.id) {
    plan.client.secret = std::move(known.secret);
  }
  const bool needs_secret = plan.client.auth == registry::ClientAuth::basic ||
                            plan.client.auth == registry::ClientAuth::body;
  if (!needs_secret || !plan.client.secret.empty()) return {};
  return fail(
      ErrorCode::oauth_refresh_required, "setup_incomplete", "missing oauth2 client secret");
}

audit::Event event_of(const Request& request, const LoginPlan& plan, std::string outcome) {
  auto event = catalog::event_of(who(request), "oauth.login");
  event.outcome = std::move(outcome);
  event.scope = plan.scope.text();
  const auto host = plan.token_endpoint.find("://");
  if (host != std::string::npos) {
    const auto rest = plan.token_endpoint.substr(host + 3);
    event.host = rest.substr(0, std::min(rest.find_first_of("/?"), rest.size()));
  }
  return event;
}

struct Stored {
  catalog::SecretOutcome outcome;
  std::string credential;  // Empty: none uses it.
  UnixMs expires;
};

Result<Stored> store(vault::Change& change, const Request& request, const tokens::Obtained& got) {
  const auto& plan = *got.plan;
  TRY_ASSIGN(const auto found, change.secret_by_name(plan.scope, plan.secret_name));
  std::optional<Secret> old;
  if (found) {
    TRY_ASSIGN(old, change.open_internally(found->id));
  }
  TRY_ASSIGN(const auto value,
             tokens::login_document(old,
                                    plan.client,
                                    plan.keep_endpoint ? plan.token_endpoint : std::string(),
                                    plan.tenant_id,
                                    got.answer,
                                    change.now()));
  Stored stored;
  stored.expires = change.now() + std::chrono::seconds(got.answer.lifetime_s);
  if (found) {
    TRY(catalog::changeable_secret(change, found->id));
    TRY_ASSIGN(stored.outcome,
               catalog::rotate_secret(change, found->id, value, std::nullopt, who(request)));
  } else {
    vault::NewSecret wanted;
    wanted.name = plan.secret_name;
    wanted.scope = plan.scope;
    TRY_ASSIGN(stored.outcome, catalog::create_secret(change, wanted, value, who(request)));
  }
  const auto& secret = stored.outcome.secret;
  TRY_ASSIGN(const auto users, change.credentials_of_secret(secret.id));
  for (const auto& row : users) {
    if (row.enabled && stored.credential.empty()) stored.credential = row.id;
  }
  auto event = event_of(request, plan, "ok");
  event.secret_id = secret.id.str();
  event.credential = stored.credential;
  event.note = "value version " + std::to_string(secret.value_version);
  change.record(std::move(event));
  return stored;
}

}  // namespace

Result<LoginPlan> plan_login(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"provider",
                         "flow",
                         "redirectUri",
                         "clientId",
                         "clientSecret",
                         "authUrl",
                         "tokenEndpoint",
                         "deviceUrl",
                         "host",
                         "tenantId",
                         "scopes",
                         "name",
                         "workspaceId",
                         "groupId",
                         "timeoutMs"}));
  LoginPlan plan;
  TRY_ASSIGN(plan.provider, body.text_or_empty("provider"));
  if (plan.provider.empty()) return bad("provider is required");
  TRY_ASSIGN(plan.secret_name, body.text_or_empty("name"));
  TRY_ASSIGN(plan.scope, scope_in(body));
  TRY_ASSIGN(const auto open, open_vault(desk));
  const auto* provider = open.snapshot->registry().find_provider(plan.provider);
  const auto* kind = provider != nullptr ? login_kind(*provider, plan.secret_name) : nullptr;
  TRY_ASSIGN(const auto host, body.text_or_empty("host"));
  if (kind == nullptr && !host.empty()) {
    return bad("--host is for known providers; name the addresses of others");
  }
  if (kind != nullptr && plan.secret_name.empty()) plan.secret_name = kind->secrets.front().name;
  if (plan.secret_name.empty()) return bad("--name is required");
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(auto known, known_client(*vault, plan));
  TRY(take_tenant_id(body, known, plan));
  if (kind != nullptr) {
    TRY_ASSIGN(auto tenant, login_tenant(*open.snapshot, *provider, plan.scope, host));
    tenant.id = plan.tenant_id;
    take_from_registry(*provider, *kind, tenant, plan);
  }
  plan.keep_endpoint = kind == nullptr;
  TRY(take_flow(body, plan));
  TRY(take_scopes(body, plan));
  TRY(take_window(body, plan));
  TRY(take_client(body, std::move(known), plan));
  return plan;
}

Result<tokens::Redirect> redirect_in(const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"code", "state", "iss", "error"}));
  tokens::Redirect redirect;
  TRY_ASSIGN(auto code, body.secret("code"));
  if (code) redirect.code = *std::move(code);
  TRY_ASSIGN(redirect.state, body.text_or_empty("state"));
  TRY_ASSIGN(redirect.iss, body.text("iss"));
  TRY_ASSIGN(redirect.error, body.text_or_empty("error"));
  return redirect;
}

Result<Answer> store_login(Desk& desk, const Request& request, const tokens::Obtained& obtained) {
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto stored, vault::change(*vault, [&](vault::Change& change) {
               return store(change, request, obtained);
             }));
  auto result = json::Value::object();
  result
      .set("credential", stored.credential.empty() ? json::Value() : json::Value(stored.credential))
      .set("expiresAtMs", to_int(stored.expires))
      .set("provider", obtained.plan->provider)
      .set("secret", to_json(stored.outcome.secret));
  auto notices = notices_of(stored.outcome.steps);
  if (obtained.answer.refresh.empty()) {
    notices.push_back(warning(
        "the provider gave no refresh token: the access token cannot be renewed when it expires"));
  }
  return changed(ad_hoc(std::move(result)), std::move(notices));
}

void record_failed_login(Desk& desk,
                         const Request& request,
                         const LoginPlan& plan,
                         const Error& error) {
  const auto vault = desk.slot.get();
  if (!vault) return;
  // The login has failed anyway; its record is not worth another failure.
  static_cast<void>((*vault)->change([&](vault::Change& change) -> Result<void> {
    auto event = event_of(request, plan, "error");
    event.code = to_string(error.code);
    event.reason = error.reason;
    change.record(std::move(event));
    return {};
  }));
}

}  // namespace aivault::admin
