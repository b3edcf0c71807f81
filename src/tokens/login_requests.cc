#include "tokens/login_requests.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/reveal.h"
#include "base/text.h"
#include "tokens/oauth_secret.h"

namespace aivault::tokens {
namespace {

constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::size_t kLongestCode = 64;           // Bytes that a person types.
constexpr std::size_t kLongestAddress = 2048;      // Bytes.
constexpr std::int64_t kLongestDeviceLife = 3600;  // Seconds.
constexpr std::int64_t kLongestInterval = 3600;    // Seconds.

Client borrowed(const LoginClient& client) {
  Client view{.id = client.id, .secret = std::nullopt, .auth = client.auth};
  if (!client.secret.empty()) view.secret = client.secret.text(Reveal());
  return view;
}

tl::unexpected<Error> unusable(std::string what) {
  return fail(ErrorCode::auth_failed,
              "oauth_response",
              "the device authorization endpoint answered without " + std::move(what));
}

}  // namespace

Result<KnownClient> client_in(const Secret& document) {
  TRY_ASSIGN(const auto parsed, OAuthSecret::parse(document));
  KnownClient known;
  known.id = parsed.client_id().value_or("");
  known.tenant_id = parsed.tenant_id().value_or("");
  if (const auto secret = parsed.client_secret()) known.secret = Secret::copy_of(*secret);
  return known;
}

Result<TokenRequest> code_request(const LoginClient& client,
                                  const Secret& code,
                                  const std::string& redirect_uri,
                                  const Secret& verifier) {
  const std::array<FormField, 4> fields{
      FormField{"grant_type", "authorization_code"},
      FormField{"code", code.text(Reveal())},
      FormField{"redirect_uri", redirect_uri},
      FormField{"code_verifier", verifier.text(Reveal())},
  };
  return make_token_request(borrowed(client), fields, client.format);
}

Result<TokenRequest> device_request(const LoginClient& client,
                                    const std::vector<std::string>& scopes) {
  std::string scope;
  for (const auto& one : scopes) {
    if (trim(one).empty()) continue;
    if (!scope.empty()) scope += ' ';
    scope += trim(one);
  }
  std::vector<FormField> fields;
  if (!scope.empty()) fields.push_back({"scope", scope});
  return make_token_request(borrowed(client), fields);
}

Result<TokenRequest> device_token_request(const LoginClient& client, const Secret& device_code) {
  const std::array<FormField, 2> fields{
      FormField{"grant_type", kDeviceGrant},
      FormField{"device_code", device_code.text(Reveal())},
  };
  return make_token_request(borrowed(client), fields, client.format);
}

Result<DeviceAnswer> read_device_answer(const Reply& reply) {
  DeviceAnswer answer;
  const auto code = reply.text("device_code").value_or("");
  answer.user_code = trim(reply.text("user_code").value_or(""));
  // Google spells it another way.
  auto address = reply.text("verification_uri");
  if (!address) address = reply.text("verification_url");
  answer.verification_uri = trim(address.value_or(""));
  if (code.empty()) return unusable("device_code");
  if (answer.user_code.empty() || answer.user_code.size() > kLongestCode ||
      has_control(answer.user_code)) {
    return unusable("a usable user_code");
  }
  if (!to_lower(answer.verification_uri.substr(0, 8)).starts_with("https://") ||
      answer.verification_uri.size() > kLongestAddress || has_control(answer.verification_uri)) {
    return unusable("an https verification_uri");
  }
  answer.device_code = Secret::copy_of(code);
  const auto life = reply.integer("expires_in").value_or(kLongestDeviceLife);
  answer.expires_in = std::chrono::seconds(std::clamp<std::int64_t>(life, 0, kLongestDeviceLife));
  const auto interval = reply.integer("interval").value_or(answer.interval.count());
  answer.interval = std::chrono::seconds(std::clamp<std::int64_t>(interval, 1, kLongestInterval));
  return answer;
}

Result<Secret> login_document(const std::optional<Secret>& old,
                              const LoginClient& client,
                              const std::string& token_endpoint,
                              const std::string& tenant_id,
                              const TokenAnswer& answer,
                              UnixMs now) {
  const auto empty = Secret::copy_of("{}");
  TRY_ASSIGN(const auto before, OAuthSecret::parse(old ? *old : empty));
  const auto with_client = before.with_client(client.id, client.secret, token_endpoint, tenant_id);
  TRY_ASSIGN(const auto parsed, OAuthSecret::parse(with_client));
  NewTokens tokens;
  tokens.access = answer.access.clone();
  tokens.refresh = answer.refresh.clone();
  tokens.obtained = now;
  tokens.expires = now + std::chrono::seconds(answer.lifetime_s);
  return parsed.with(tokens);
}

}  // namespace aivault::tokens
