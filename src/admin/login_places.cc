#include "admin/login_places.h"

#include <algorithm>
#include <set>
#include <utility>

#include "catalog/tenant.h"
#include "http/host.h"

namespace aivault::admin {
namespace {

constexpr std::string_view kHost = "{{host}}";
constexpr std::string_view kTenantId = "{{tenantId}}";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

LoginTenant tenant_at(const registry::Provider& provider, std::span<const std::string> hosts) {
  auto found = catalog::find_tenant(provider, hosts, {});
  LoginTenant tenant;
  if (!found.hosts.empty()) tenant.host = found.hosts.front();
  tenant.params = std::move(found.params);
  return tenant;
}

}  // namespace

Result<LoginTenant> login_tenant(const catalog::Snapshot& snapshot,
                                 const registry::Provider& provider,
                                 const vault::Scope& scope,
                                 const std::string& host) {
  if (!host.empty()) {
    TRY_ASSIGN(const auto authority, http::parse_authority(host));
    if (!catalog::is_host_of(provider, authority)) {
      return policy_violation("host_mismatch",
                              "credential host is not allowed by registry provider host policy");
    }
    const auto text = authority.text();
    return tenant_at(provider, {&text, 1});
  }
  LoginTenant tenant;
  std::set<std::string> hosts;
  for (const auto& credential : snapshot.credentials()) {
    const bool fits = credential.provider == provider.id && credential.from_registry &&
                      credential.scope == scope && !credential.policy.hosts.empty();
    if (!fits) continue;
    tenant.host = credential.policy.hosts.front();
    tenant.params = credential.params;
    hosts.insert(tenant.host);
  }
  if (hosts.size() > 1) return LoginTenant();  // Which of them, only the operator knows.
  return hosts.empty() ? tenant_at(provider, {}) : tenant;
}

std::string login_place(std::string_view url, const LoginTenant& tenant) {
  auto text = catalog::with_known_params(url, tenant.params);
  if (!tenant.host.empty()) replace_all(text, kHost, tenant.host);
  if (!tenant.id.empty()) replace_all(text, kTenantId, tenant.id);
  return text;
}

Result<void> check_place(std::string_view url) {
  const auto needs = [](std::string_view flag) {
    return invalid_request("record_invalid",
                           std::string(flag) + " is required: the addresses of this login hold it");
  };
  if (url.find(kTenantId) != std::string_view::npos) return needs("--tenant-id");
  if (url.find('{') != std::string_view::npos) return needs("--host");
  return {};
}

}  // namespace aivault::admin
