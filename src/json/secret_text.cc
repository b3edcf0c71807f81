#include "json/secret_text.h"

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/wipe.h"

namespace aivault::json {

std::optional<Secret> secret_from_base64(std::string_view text) {
  auto plain = from_base64(text);
  if (!plain) return std::nullopt;
  auto secret = Secret::copy_of(*plain);
  wipe(*plain);
  return secret;
}

Secret document_with_secret(std::string_view head, const Secret& secret, std::string_view tail) {
  auto encoded = base64(secret.bytes(Reveal{}));
  auto document = Secret::join({head, "\"", encoded, "\"", tail});
  wipe(encoded);
  return document;
}

}  // namespace aivault::json
