// ProofKey: the proof that who exchanges an authorization code is who asked for it.
// Thread: any; pure: the random bytes are an argument. Source: RFC 7636, method S256.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace aivault::tokens {

struct ProofKey {
  Secret verifier;        // 43 characters; only the token request shows it.
  std::string challenge;  // What the browser carries.
};
ProofKey make_proof_key(std::array<std::byte, 32> random);

std::string challenge_of(std::string_view verifier);

}  // namespace aivault::tokens
