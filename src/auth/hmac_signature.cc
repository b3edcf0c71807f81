#include "auth/hmac_signature.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/reveal.h"
#include "crypto/sha256.h"
#include "crypto/signature.h"

namespace aivault::auth {
namespace {

crypto::HmacHash hash_of(registry::HmacAlgorithm algorithm) {
  switch (algorithm) {
    case registry::HmacAlgorithm::sha1: return crypto::HmacHash::sha1;
    case registry::HmacAlgorithm::sha256: return crypto::HmacHash::sha256;
    case registry::HmacAlgorithm::sha384: return crypto::HmacHash::sha384;
    case registry::HmacAlgorithm::sha512: break;
  }
  return crypto::HmacHash::sha512;
}

std::string query_text(const std::vector<http::QueryPiece>& query) {
  std::vector<std::string> pairs;
  for (const auto& piece : query) pairs.push_back(piece.name + "=" + piece.value);
  std::ranges::sort(pairs);
  std::string text;
  for (const auto& pair : pairs) text += (text.empty() ? "" : "&") + pair;
  return text;
}

std::string signed_text(registry::HmacPayload payload, const SignedParts& parts) {
  if (payload == registry::HmacPayload::body) return std::string(parts.body);
  std::string text =
      std::string(parts.method) + "\n" + std::string(parts.path) + "\n" + query_text(parts.query);
  if (payload == registry::HmacPayload::canonical) return text;
  return parts.timestamp + "\n" + text + "\n" + crypto::sha256_hex(parts.body);
}

}  // namespace

std::string hmac_signature(const registry::HmacAuth& auth,
                           std::string_view key,
                           const SignedParts& parts) {
  const auto text = signed_text(auth.payload, parts);
  return hex(crypto::hmac(hash_of(auth.algorithm), key, text).bytes(Reveal()));
}

}  // namespace aivault::auth
