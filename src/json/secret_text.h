// secret_text: the way of secret bytes from a JSON document into a Secret, and back out for
// the one request that carries a secret to the daemon.
// Source: RFC 4648 for Base64.
#pragma once

#include <optional>

#include "base/secret.h"
#include "json/value.h"

namespace aivault::json {

// Strict standard Base64; nullopt if malformed. Leaves no copy behind.
std::optional<Secret> secret_from_base64(std::string_view text);

// `head` "<base64 of secret>" `tail` as one Secret: a JSON document with one string filled in.
Secret document_with_secret(std::string_view head, const Secret& secret, std::string_view tail);

}  // namespace aivault::json
