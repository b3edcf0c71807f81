#include "auth/jwt.h"

#include <chrono>
#include <deque>

#include "auth/field_template.h"
#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "crypto/signature.h"
#include "json/parse.h"
#include "json/write.h"
#include "registry/auth_words.h"

namespace aivault::auth {
namespace {

crypto::KeyKind key_kind(registry::JwtAlgorithm algorithm) {
  switch (algorithm) {
    case registry::JwtAlgorithm::rs256: return crypto::KeyKind::rsa;
    case registry::JwtAlgorithm::es256: return crypto::KeyKind::p256;
    case registry::JwtAlgorithm::eddsa: break;
  }
  return crypto::KeyKind::ed25519;
}

// Claims as pieces of JSON; what is rendered from the secret is never copied.
class Claims {
 public:
  explicit Claims(const JwtMaterial& material) : material_(material) {}

  // A field template; `otherwise`: fields of the secret that serve where it is empty.
  Result<void> add_template(std::string_view name,
                            std::string_view text,
                            std::initializer_list<std::string_view> otherwise) {
    if (!text.empty()) {
      TRY_ASSIGN(const auto parts, rendered(text));
      add_text(name, parts);
      return {};
    }
    for (const auto field : otherwise) {
      if (const auto value = material_.find(field)) {
        add_text(name, {*value});
        return {};
      }
    }
    return {};
  }

  Result<void> add_claim(const registry::JwtClaim& claim) {
    const auto value = json::parse(claim.json);
    if (value && value->is(json::Kind::string)) {
      const std::string& text = kept_.emplace_back(value->text());
      TRY_ASSIGN(const auto parts, rendered(text));
      add_text(claim.name, parts);
    } else {
      add_json(claim.name, claim.json);
    }
    return {};
  }

  void add_text(std::string_view name, const Parts& value) {
    open(name);
    parts_.emplace_back("\"");
    for (const auto part : value) append_escaped(part, parts_);
    parts_.emplace_back("\"");
  }
  void add_json(std::string_view name, std::string_view json) {
    open(name);
    parts_.emplace_back(kept_.emplace_back(json));
  }
  Parts finish() {
    parts_.emplace_back("}");
    return parts_;
  }

 private:
  Result<Parts> rendered(std::string_view text) {
    static const Fields kNone = Fields::of({});
    return render(text, material_.fields ? *material_.fields : kNone);
  }
  void open(std::string_view name) {
    parts_.emplace_back(parts_.size() == 1 ? "" : ",");
    parts_.emplace_back(kept_.emplace_back(json::quoted(name)));
    parts_.emplace_back(":");
  }

  const JwtMaterial& material_;
  std::deque<std::string> kept_;
  Parts parts_ = {"{"};
};

}  // namespace

std::optional<std::string_view> JwtMaterial::find(std::string_view name) const {
  return fields ? fields->find(name) : std::nullopt;
}

Result<JwtMaterial> jwt_material(std::string_view secret) {
  JwtMaterial material;
  if (!trim(secret).starts_with('{')) {
    material.private_key = secret;
    return material;
  }
  material.fields = Fields::parse(secret);
  for (const std::string_view name : {"privateKey", "private_key", "privateKeyPem"}) {
    if (const auto found = material.find(name)) material.private_key = *found;
  }
  for (const std::string_view name : {"keyId", "key_id", "private_key_id"}) {
    if (const auto found = material.find(name)) material.key_id = *found;
  }
  if (trim(material.private_key).empty()) {
    return vault_unavailable("secret_malformed", "jwt secret must be PEM or JSON with privateKey");
  }
  material.google_key_file = material.find("type") == "service_account";
  constexpr std::string_view kGoogle = "https://oauth2.googleapis.com/token";
  if (material.google_key_file && material.find("token_uri").value_or(kGoogle) != kGoogle) {
    return vault_unavailable("secret_malformed", "token_uri is not the Google token endpoint");
  }
  return material;
}

Result<Secret> signed_jwt(registry::JwtAlgorithm algorithm,
                          std::string_view private_key_pem,
                          std::string_view key_id,
                          const Parts& claims) {
  TRY_ASSIGN(const auto key, crypto::PrivateKey::from_pem(private_key_pem, key_kind(algorithm)));
  std::string header =
      R"({"alg":")" + std::string(registry::to_string(algorithm)) + R"(","typ":"JWT")";
  if (!key_id.empty()) header += R"(,"kid":)" + json::quoted(key_id);
  header += "}";
  const Secret first = base64_of({header}, Alphabet::url);
  const Secret second = base64_of(claims, Alphabet::url);
  const Secret text = Secret::join({first.text(Reveal()), ".", second.text(Reveal())});
  TRY_ASSIGN(const auto signature, key.sign(text.text(Reveal())));
  return Secret::join(
      {text.text(Reveal()), ".", base64(bytes_of(signature), Base64::url_unpadded)});
}

Result<Secret> self_signed_jwt(const registry::JwtAuth& auth,
                               const JwtMaterial& material,
                               UnixMs now,
                               std::string_view jti) {
  Claims claims(material);
  TRY(claims.add_template("iss", auth.issuer, {"issuer", "client_email"}));
  TRY(claims.add_template("sub", auth.subject, {"subject"}));
  std::string scope;
  for (const auto& word : auth.scopes) scope += (scope.empty() ? "" : " ") + word;
  if (!scope.empty()) claims.add_text("scope", {scope});
  TRY(claims.add_template("aud", auth.audience, {}));
  const auto issued = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  claims.add_json("iat", std::to_string(issued));
  claims.add_json("exp", std::to_string(issued + auth.ttl_seconds));
  claims.add_text("jti", {jti});
  for (const auto& claim : auth.claims) TRY(claims.add_claim(claim));
  return signed_jwt(auth.algorithm, material.private_key, material.key_id, claims.finish());
}

Result<Secret> own_jwt(const registry::JwtAuth& auth,
                       const Secret& secret,
                       UnixMs now,
                       std::string_view jti) {
  const auto text = secret.text(Reveal());
  if (!is_valid_utf8(text)) return vault_unavailable("secret_malformed", "secret must be utf-8");
  TRY_ASSIGN(const auto material, jwt_material(text));
  if (is_google_exchange(auth, material)) {
    return policy_violation("auth_config",
                            "a Google key file with scopes is exchanged for a token first");
  }
  return self_signed_jwt(auth, material, now, jti);
}

bool is_google_exchange(const registry::JwtAuth& auth, const JwtMaterial& material) {
  return material.google_key_file && !auth.scopes.empty();
}

}  // namespace aivault::auth
