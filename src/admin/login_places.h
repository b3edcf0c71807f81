// login_places: the addresses of a provider's logins for one tenant: its host, its tenant id and
// the params that follow from the host. Thread: any; pure. Errors: policy_violation host_mismatch,
// invalid_request record_invalid.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/facts.h"
#include "catalog/snapshot.h"
#include "registry/definition.h"
#include "vault/scope.h"

namespace aivault::admin {

struct LoginTenant {
  std::string host, id;  // Empty: not known.
  catalog::Params params;
};

// `host` as the operator says; empty: the one that the provider's credentials in this scope use, or
// its default.
Result<LoginTenant> login_tenant(const catalog::Snapshot& snapshot,
                                 const registry::Provider& provider,
                                 const vault::Scope& scope,
                                 const std::string& host);

// `url` with {{host}}, {{tenantId}} and params filled in, as far as they are known.
std::string login_place(std::string_view url, const LoginTenant& tenant);

// Refuses an address that is not whole, naming the flag that helps.
Result<void> check_place(std::string_view url);

}  // namespace aivault::admin
