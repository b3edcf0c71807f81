// passthrough: what a native request of a vendor's own client becomes: the capability that serves
// it, and the request without what such clients send and a call may not hold.
// Thread: any; pure. Source: docs/clients.md.
// Errors: those of http::parse_target, policy_violation duplicate_header.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"
#include "policy/decide.h"
#include "registry/definition.h"

namespace aivault::policy {

// Those of `offered` that allow the method and the path (wire form), the most specific first: more
// literal segments, then the longer pattern, then the smaller id.
std::vector<const registry::Capability*> matching_capabilities(
    std::span<const registry::Capability* const> offered,
    std::string_view method,
    std::string_view path);

// The target in wire form without the query parameters that only the credential may set.
Result<std::string> without_managed_parameters(std::string_view target,
                                               const CredentialPolicy& credential);

// Repeated headers as one, values joined by ", ". Those that have one value only stay repeated,
// which refuses them later.
http::Headers join_repeats(const http::Headers& headers);

}  // namespace aivault::policy
