// check: is an auth config one that can be used? The checks of creation, for each kind.
// Thread: any. Errors: invalid_request record_invalid, policy_violation auth_config.
#pragma once

#include "base/result.h"
#include "registry/auth_spec.h"

namespace aivault::registry {

Result<void> check(const HeaderAuth& auth);
Result<void> check(const PathAuth& auth);
Result<void> check(const QueryAuth& auth);
Result<void> check(const BasicAuth& auth);
Result<void> check(const MultiHeaderAuth& auth);
Result<void> check(const MultiQueryAuth& auth);
Result<void> check(const HmacAuth& auth);
Result<void> check(const AwsSigV4Auth& auth);
Result<void> check(const MtlsAuth& auth);
Result<void> check(const JwtAuth& auth);
Result<void> check(const OAuth2Auth& auth);
Result<void> check(const GithubAppAuth& auth);

}  // namespace aivault::registry
