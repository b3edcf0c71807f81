#include "format1/envelope.h"

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/keys.h"
#include "format1/fields.h"

namespace aivault::format1 {
namespace {

constexpr std::string_view kAlgorithm = "xchacha20poly1305";
constexpr std::string_view kEnvelope = "xchacha20poly1305+envelope";
constexpr std::size_t kNonceBytes = 24;
constexpr std::size_t kTagBytes = 16;

tl::unexpected<Error> decrypt_failed() {
  return invalid_request("record_invalid", "decrypt failed");
}

Result<const json::Value*> needed_object(const json::Value& object, std::string_view key) {
  const auto* found = object.find(key);
  if (found == nullptr || !found->is(json::Kind::object)) return malformed(key);
  return found;
}

}  // namespace

Result<crypto::Sealed> parse_sealed(const json::Value& object) {
  TRY_ASSIGN(const auto algorithm, needed_text(object, "alg"));
  if (algorithm != kAlgorithm) return malformed("alg");
  crypto::Sealed sealed;
  TRY_ASSIGN(sealed.nonce, needed_bytes(object, "nonceB64", kNonceBytes));
  TRY_ASSIGN(const auto text, needed_text(object, "ciphertextB64"));
  auto bytes = from_base64(text);
  if (!bytes || bytes->size() < kTagBytes) return malformed("ciphertextB64");
  sealed.ciphertext = *std::move(bytes);
  return sealed;
}

Result<Envelope> parse_envelope(const json::Value& object) {
  TRY_ASSIGN(const auto algorithm, needed_text(object, "alg"));
  if (algorithm != kEnvelope) return malformed("alg");
  Envelope envelope;
  TRY_ASSIGN(const auto* wrapped, needed_object(object, "dekWrapped"));
  TRY_ASSIGN(envelope.data_key, parse_sealed(*wrapped));
  if (envelope.data_key.ciphertext.size() != crypto::kKeyBytes + kTagBytes) {
    return malformed("dekWrapped");
  }
  TRY_ASSIGN(const auto* value, needed_object(object, "value"));
  TRY_ASSIGN(envelope.value, parse_sealed(*value));
  return envelope;
}

Result<std::string> associated_text(std::int64_t version,
                                    std::string_view secret_id,
                                    std::string_view scope,
                                    std::string_view pinned_provider) {
  std::string text = "vault:secret:";
  if (version == 0 || version == 1) {
    return text.append("v1:").append(secret_id).append(":").append(scope);
  }
  if (version != 2) {
    return invalid_request("record_invalid", "unknown aadVersion " + std::to_string(version));
  }
  const auto pin = trim(pinned_provider);
  if (pin.empty()) {
    return invalid_request("record_invalid", "aadVersion 2 needs a 'pinnedProvider'");
  }
  return text.append("v2:").append(secret_id).append(":").append(scope).append(":").append(pin);
}

Result<Secret> open(const Secret& key, const Envelope& envelope, std::string_view associated) {
  const auto data_key = crypto::open(key, envelope.data_key, associated);
  if (!data_key || data_key->size() != crypto::kKeyBytes) return decrypt_failed();
  auto value = crypto::open(*data_key, envelope.value, associated);
  if (!value) return decrypt_failed();
  return *std::move(value);
}

}  // namespace aivault::format1
