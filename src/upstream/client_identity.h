// client_identity: shows a client certificate in one TLS session, and tells when the peer did not
// want it. The session alone holds it: nothing is shared with other sessions.
// Thread: the event loop. Source: RFC 8446 4.4.2 and 6.2. Errors: vault_unavailable
// secret_malformed.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string_view>

#include "auth/client_identity.h"
#include "base/result.h"

namespace aivault::upstream {

Result<void> present(SSL* session, const auth::ClientIdentity& identity);

// Why the peer broke off, if OpenSSL's newest error is an alert about our certificate or its
// absence; the view is static.
std::optional<std::string_view> refused_certificate();

}  // namespace aivault::upstream
