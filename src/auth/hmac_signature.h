// hmac_signature: what hmac auth signs of a request, and the signature. Pure.
// Thread: any. Source: docs/credentials.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/target.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

struct SignedParts {
  std::string_view method;  // Upper case.
  std::string_view path;    // As sent.
  const std::vector<http::QueryPiece>& query;
  std::string_view body;
  std::string timestamp;  // Unix seconds.
};

// In lower-case hex.
std::string hmac_signature(const registry::HmacAuth& auth,
                           std::string_view key,
                           const SignedParts& parts);

}  // namespace aivault::auth
