// token carriers: where vendors' clients put their API key, and so a proxy token of ours: it is
// taken out of the request, so that nothing behind sees it, wherever it stands.
// Thread: any; pure. Source: RFC 9110 11.6.2, RFC 7617; docs/clients.md.
// Errors: token_invalid token_conflict, policy_violation auth_header_rejected.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "http/message.h"
#include "registry/auth_spec.h"

namespace aivault::policy {

// `target`: the vendor's own. `auths`: of the credentials that may serve it: their header, query
// and path slots are carriers too. nullptr: no token is shown; what else stands in a carrier stays,
// to be judged as any header.
Result<std::shared_ptr<const Secret>> take_native_token(
    http::Headers& headers, std::string& target, std::span<const registry::AuthSpec* const> auths);

// A token that stands somewhere in a request as well would go upstream.
Result<void> check_not_repeated(const Secret& token,
                                std::string_view target,
                                const http::Headers& headers);

}  // namespace aivault::policy
