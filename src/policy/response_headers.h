// Response headers: which headers of an upstream's answer a caller may see. Values are scrubbed
// by the caller of this function.
// Thread: any. Source: RFC 9110 7.6.1; docs/policy.md.
#pragma once

#include "http/message.h"
#include "registry/auth_spec.h"

namespace aivault::policy {

// Framing, hop-by-hop, cookie, auth-class, CORS and x-aivault-* names go, and whatever the
// credential injects; managed query values in Location read REDACTED.
http::Headers visible_headers(const http::Headers& upstream, const registry::AuthSpec& auth);

// For a body that does not reach the caller byte for byte. Names in lower case.
void drop_digests(http::Headers& headers);

}  // namespace aivault::policy
