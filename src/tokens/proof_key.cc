#include "tokens/proof_key.h"

#include "base/encoding.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

namespace aivault::tokens {

std::string challenge_of(std::string_view verifier) {
  const auto digest = from_hex(crypto::sha256_hex(verifier));
  return base64(bytes_of(*digest), Base64::url_unpadded);
}

ProofKey make_proof_key(std::array<std::byte, 32> random) {
  auto text = base64(random, Base64::url_unpadded);
  ProofKey key{.verifier = Secret::copy_of(text), .challenge = challenge_of(text)};
  wipe(text);
  wipe(random.data(), random.size());
  return key;
}

}  // namespace aivault::tokens
