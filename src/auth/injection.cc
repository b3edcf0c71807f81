#include "auth/injection.h"

#include <algorithm>
#include <chrono>

#include "auth/field_template.h"
#include "auth/hmac_signature.h"
#include "auth/sigv4.h"
#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "crypto/signature.h"
#include "json/parse.h"
#include "json/wiping_memory.h"
#include "policy/path_template.h"

namespace aivault::auth {
namespace {

tl::unexpected<Error> malformed(std::string message) {
  return vault_unavailable("secret_malformed", std::move(message));
}
tl::unexpected<Error> refused(std::string message) {
  return policy_violation("auth_config", std::move(message));
}

Result<Fields> basic_fields(const registry::BasicAuth& auth, std::string_view secret) {
  if (trim(secret).starts_with('{')) {
    auto fields = Fields::parse(secret);
    if (!fields) return malformed("basic secret must be JSON with username/password");
    return *std::move(fields);
  }
  if (auth.templated) return Fields::of({{"secret", secret}});
  const auto colon = secret.find(':');
  if (colon == std::string_view::npos) {
    return malformed("basic secret must be JSON with username/password");
  }
  return Fields::of(
      {{"username", secret.substr(0, colon)}, {"password", secret.substr(colon + 1)}});
}

struct Request {
  const policy::PlannedRequest& planned;
  const SigningInput& input;
};

Result<void> add_header(Injection& injection, std::string_view name, Parts value) {
  TRY(check_header_value(value));
  injection.headers.push_back({std::string(name), std::move(value)});
  return {};
}

Result<Injection> inject(const registry::HeaderAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  Injection injection;
  TRY(add_header(injection, auth.header_name, filled_in(auth.value_template, secret)));
  return injection;
}

Result<Injection> inject(const registry::BasicAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  TRY_ASSIGN(auto material, basic_material(auth, secret));
  Parts pair = std::move(material.username);
  pair.emplace_back(":");
  append(pair, material.password);
  Injection injection;
  const auto& encoded = injection.made.emplace_back(base64_of(pair, Alphabet::standard));
  TRY(add_header(injection, "authorization", {"Basic ", encoded.text(Reveal())}));
  return injection;
}

void add_pair(Injection& injection, std::string_view name, const Parts& value) {
  const auto& encoded = injection.made.emplace_back(percent_encoded(value));
  injection.query_pairs.push_back({injection.texts.emplace_back(percent_encode(std::string(name))),
                                   "=",
                                   encoded.text(Reveal())});
}

Result<Injection> inject(const registry::QueryAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  Injection injection;
  add_pair(injection, auth.param_name, {secret});
  return injection;
}

Result<Injection> inject(const registry::MultiHeaderAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  TRY_ASSIGN(auto fields, multi_fields("multi-header", secret));
  Injection injection;
  const auto& kept = injection.fields.emplace_back(std::move(fields));
  for (const auto& header : auth.headers) {
    TRY_ASSIGN(auto value, render(header.value_template, kept));
    TRY(add_header(injection, header.name, std::move(value)));
  }
  return injection;
}

Result<Injection> inject(const registry::MultiQueryAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  TRY_ASSIGN(const auto fields, multi_fields("multi-query", secret));
  Injection injection;
  for (const auto& param : auth.params) {
    TRY_ASSIGN(const auto value, render(param.value_template, fields));
    add_pair(injection, param.name, value);
  }
  return injection;
}

Result<Injection> inject(const registry::HmacAuth& auth,
                         std::string_view secret,
                         const Request& request) {
  if (auth.payload != registry::HmacPayload::canonical && !request.input.body) {
    return invalid_request("body_not_signable", "request body too large to sign");
  }
  Injection injection;
  const auto& planned = request.planned;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(request.input.now);
  const auto& time =
      injection.texts.emplace_back(std::to_string(seconds.time_since_epoch().count()));
  const SignedParts parts{planned.method(),
                          planned.path(),
                          planned.query(),
                          request.input.body.value_or(std::string_view()),
                          time};
  const auto& signature = injection.texts.emplace_back(hmac_signature(auth, secret, parts));
  injection.computed.emplace_back(signature);
  const auto made = Fields::of({{"signature", signature}, {"timestamp", time}});
  TRY_ASSIGN(auto value, render(auth.value_template, made));
  TRY(add_header(injection, auth.header_name, std::move(value)));
  if (auth.payload == registry::HmacPayload::timestamp) {
    TRY(add_header(injection, registry::kTimestampHeader, {time}));
  }
  return injection;
}

Result<Injection> inject(const registry::AwsSigV4Auth& auth,
                         std::string_view secret,
                         const Request& request) {
  TRY_ASSIGN(auto read, aws_material(secret));
  const auto& planned = request.planned;
  const AwsRequest signable{planned.method(),
                            planned.authority().text(),
                            aws_path(planned.path()),
                            aws_query(planned.query()),
                            planned.headers(),
                            request.input.body};
  TRY_ASSIGN(auto signature, sign_aws(auth, read, signable, request.input.now));
  Injection injection;
  const auto token = read.session_token;
  injection.fields.push_back(std::move(read.fields));
  const auto add = [&](std::string_view name, std::string text) {
    return add_header(injection, name, {injection.texts.emplace_back(std::move(text))});
  };
  TRY(add("x-amz-date", std::move(signature.date)));
  if (!signature.content_sha256.empty()) {
    TRY(add("x-amz-content-sha256", std::move(signature.content_sha256)));
  }
  if (!token.empty()) TRY(add_header(injection, "x-amz-security-token", {token}));
  TRY(add("authorization", std::move(signature.authorization)));
  const std::string_view authorization = injection.texts.back();
  injection.computed.push_back(authorization.substr(authorization.rfind('=') + 1));
  injection.path = signable.path;
  auto& query = injection.query.emplace();
  for (const auto& [name, value] : signable.query) query.push_back(name + "=" + value);
  return injection;
}

Result<Injection> inject(const registry::MtlsAuth& /*auth*/,
                         std::string_view secret,
                         const Request& /*request*/) {
  TRY(mtls_material(secret));
  return Injection();
}

Result<Injection> inject(const registry::JwtAuth& auth,
                         std::string_view secret,
                         const Request& request) {
  TRY_ASSIGN(const auto material, jwt_material(secret));
  if (is_google_exchange(auth, material)) {
    return refused("a Google key file with scopes is exchanged for a token first");
  }
  TRY_ASSIGN(auto token, self_signed_jwt(auth, material, request.input.now, request.input.jti));
  Injection injection;
  const auto& kept = injection.made.emplace_back(std::move(token));
  injection.computed.push_back(kept.text(Reveal()));
  const auto made = Fields::of({{"jwt", kept.text(Reveal())}});
  TRY_ASSIGN(auto value, render(auth.value_template, made));
  TRY(add_header(injection, auth.header_name, std::move(value)));
  return injection;
}

// Tokens of these come from a token endpoint; src/tokens gets them before a request is signed.
Result<Injection> inject(const registry::OAuth2Auth& /*auth*/,
                         std::string_view /*secret*/,
                         const Request& /*request*/) {
  return refused("oauth2 auth needs a token first");
}
Result<Injection> inject(const registry::GithubAppAuth& /*auth*/,
                         std::string_view /*secret*/,
                         const Request& /*request*/) {
  return refused("github-app auth needs a token first");
}

bool is_clean_in_path(char c) {
  constexpr std::string_view kSpecial = "/?#%\\";
  const auto value = static_cast<unsigned char>(c);
  return value > 0x20 && value < 0x7F && kSpecial.find(c) == std::string_view::npos;
}

// The segment that the secret ends up in, as a server may read it.
bool is_dot_segment(const policy::PathTemplate& parts, std::string_view secret) {
  const auto before = parts.before.substr(parts.before.rfind('/') + 1);
  const auto after = parts.after.substr(0, parts.after.find('/'));
  if (before.size() + after.size() > 2) return false;
  const auto is_dots = [](std::string_view text) {
    return text.find_first_not_of('.') == std::string_view::npos;
  };
  const auto core = secret.substr(0, secret.find(';'));
  const bool cut = core.size() != secret.size();
  const std::size_t dots = before.size() + core.size() + (cut ? 0 : after.size());
  return dots >= 1 && dots <= 2 && is_dots(before) && is_dots(core) && (cut || is_dots(after));
}

Result<Injection> inject(const registry::PathAuth& auth,
                         std::string_view secret,
                         const Request& /*request*/) {
  TRY(check_path_secret(auth, secret));
  const auto parts = policy::parse_path_template(auth.prefix_template);
  Injection injection;
  injection.path_prefix = {parts->before, secret, parts->after};
  return injection;
}

}  // namespace

Result<std::string_view> secret_text(const registry::AuthSpec& auth, const Secret& secret) {
  if (secret.empty()) {
    const std::string word(registry::auth_word(auth));
    const bool multi = word.starts_with("multi-");
    if (word == "basic") return malformed("missing username/password secret for basic auth");
    if (word == "aws-sigv4") return malformed("missing aws credentials");
    if (word == "hmac") return malformed("missing hmac secret");
    if (word == "mtls") return malformed("missing mtls cert/key");
    return malformed((multi ? "missing multi-field secret for " : "missing string secret for ") +
                     word + " auth");
  }
  const auto text = secret.text(Reveal());
  if (!is_valid_utf8(text)) return malformed("secret must be utf-8");
  return text;
}

Result<void> check_path_secret(const registry::PathAuth& auth, std::string_view secret) {
  const auto parts = policy::parse_path_template(auth.prefix_template);
  if (!parts) return refused("path auth prefixTemplate must contain exactly one {{secret}}");
  if (!std::ranges::all_of(secret, is_clean_in_path) || secret == "." || secret == ".." ||
      is_dot_segment(*parts, secret)) {
    return refused("path auth secret contains invalid characters");
  }
  return {};
}

Result<Fields> multi_fields(std::string_view word, std::string_view secret) {
  auto fields = Fields::parse(secret);
  if (fields) return *std::move(fields);
  const std::string prefix(word);
  json::WipingMemory memory;
  const auto document = json::parse(secret, {}, json::Positions::none, &memory);
  if (!document) return malformed(prefix + " secret must be JSON");
  if (!document->is(json::Kind::object)) {
    return malformed(prefix + " secret must be a JSON object");
  }
  return malformed(prefix + " secret must include at least one field");
}

Result<MtlsMaterial> mtls_material(std::string_view secret) {
  auto fields = Fields::parse(secret);
  if (!fields) return malformed("mtls secret must be JSON with certPem/keyPem");
  MtlsMaterial material{*std::move(fields), {}, {}, {}};
  const auto take = [&](std::string_view name, std::string_view other) {
    const auto found = material.fields.find(name);
    return found ? *found : material.fields.find(other).value_or("");
  };
  material.certificate = take("certPem", "cert");
  material.key = take("keyPem", "key");
  material.chain = take("chainPem", "chain");
  if (trim(material.certificate).empty() || trim(material.key).empty()) {
    return malformed("missing mtls cert/key");
  }
  TRY(crypto::check_certificate(material.certificate, material.key));
  return material;
}

Result<ClientIdentity> client_identity(const Secret& secret) {
  TRY_ASSIGN(const auto material, mtls_material(secret.text(Reveal())));
  ClientIdentity identity;
  identity.certificates = Secret::join({material.certificate, "\n", material.chain});
  identity.key = Secret::join({material.key});
  return identity;
}

Result<BasicMaterial> basic_material(const registry::BasicAuth& auth, std::string_view secret) {
  TRY_ASSIGN(auto fields, basic_fields(auth, secret));
  if (!auth.templated && (!fields.find("username") || !fields.find("password"))) {
    return malformed("missing username/password secret for basic auth");
  }
  BasicMaterial material{std::move(fields), {}, {}};
  TRY_ASSIGN(material.username, render(auth.username_template, material.fields));
  TRY_ASSIGN(material.password, render(auth.password_template, material.fields));
  // The first colon divides the pair (RFC 7617 2).
  const auto has_colon = [](std::string_view part) {
    return part.find(':') != std::string_view::npos;
  };
  if (std::ranges::any_of(material.username, has_colon)) {
    return malformed("basic username must not contain ':'");
  }
  if (size_of(material.username) + size_of(material.password) == 0) {
    return malformed("missing username/password secret for basic auth");
  }
  return material;
}

Result<Injection> make_injection(const registry::AuthSpec& auth,
                                 const Secret& secret,
                                 const policy::PlannedRequest& planned,
                                 const SigningInput& input) {
  TRY_ASSIGN(const auto text, secret_text(auth, secret));
  const Request request{planned, input};
  return std::visit([&](const auto& strategy) { return inject(strategy, text, request); }, auth);
}

}  // namespace aivault::auth
