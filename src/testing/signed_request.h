// signed_request: a request that went through decide, plan and sign, for tests of what comes after.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/sign.h"
#include "policy/address.h"

namespace aivault::testing {

struct RequestWish {
  std::string authority;  // "localhost:8443"
  std::string method = "GET";
  std::string path = "/v1/things";
  bool has_body = false;
  std::optional<std::uint64_t> body_size = std::nullopt;  // Unset with a body: chunked.
  policy::AddressPolicy addresses = policy::AddressPolicy::allow_private;
};

// The key "sk-test-0001" goes into the authorization header.
auth::SignedRequest signed_request(const RequestWish& wish);

}  // namespace aivault::testing
