// OAuthSecret: the JSON object that an OAuth2 credential keeps as its secret, read in either
// spelling, and the same object with new tokens in it.
// Thread: one object belongs to one thread at a time. Source: docs/tokens.md.
// Errors: vault_unavailable secret_malformed.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "json/value.h"
#include "json/wiping_memory.h"

namespace aivault::tokens {

// What a token endpoint gave.
struct NewTokens {
  Secret access;
  Secret refresh;  // Empty: the old one stays.
  UnixMs obtained, expires;
};

class OAuthSecret {
 public:
  static Result<OAuthSecret> parse(const Secret& secret);

  // nullopt: absent or blank. The views live as long as this object.
  std::optional<std::string_view> client_id() const { return text("clientId", "client_id"); }
  std::optional<std::string_view> client_secret() const {
    return text("clientSecret", "client_secret");
  }
  std::optional<std::string_view> refresh_token() const {
    return text("refreshToken", "refresh_token");
  }
  std::optional<std::string_view> access_token() const {
    return text("accessToken", "access_token");
  }
  std::optional<std::string_view> account_id() const { return text("accountId", "account_id"); }
  std::optional<std::string_view> tenant_id() const { return text("tenantId", "tenant_id"); }
  std::optional<std::string_view> token_endpoint() const {
    return text("tokenEndpoint", "token_endpoint");
  }
  std::optional<UnixMs> expires() const;
  std::optional<UnixMs> obtained() const;

  // Only tokens, expiry and time change, each in the spelling and form that is there; every other
  // key and the order stay.
  Secret with(const NewTokens& tokens) const;
  // For templates: the access token under both spellings.
  Secret fields_with(const Secret& access) const;
  // The same for the client of a login; its endpoint and tenant, unless empty. A secret of another
  // client goes when the new one has none.
  Secret with_client(std::string_view id,
                     const Secret& client_secret,
                     std::string_view token_endpoint,
                     std::string_view tenant_id) const;

 private:
  OAuthSecret() = default;
  std::optional<std::string_view> text(std::string_view camel, std::string_view snake) const;

  std::unique_ptr<json::WipingMemory> memory_;  // Outlives the document.
  std::unique_ptr<json::Value> document_;
};

}  // namespace aivault::tokens
