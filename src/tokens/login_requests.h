// login_requests: what a login asks a token endpoint and a device endpoint, and what it stores.
// Pure.
// Thread: any. Source: RFC 6749 4.1.3, RFC 7636 4.5, RFC 8628 3.1 and 3.4; docs/oauth.md.
// Errors: oauth_refresh_required setup_incomplete, vault_unavailable secret_malformed,
// auth_failed oauth_response.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "registry/auth_spec.h"
#include "tokens/reply.h"
#include "tokens/token_request.h"

namespace aivault::tokens {

// The client that logs in; owns what Client only points to.
struct LoginClient {
  std::string id;
  Secret secret;  // Empty: a public client.
  registry::ClientAuth auth = registry::ClientAuth::automatic;
  registry::RequestFormat format = registry::RequestFormat::form;
};
// Client id and secret of a secret that is there; nothing where it has none.
struct KnownClient {
  std::string id;
  Secret secret;
  std::string tenant_id;
};
Result<KnownClient> client_in(const Secret& document);

Result<TokenRequest> code_request(const LoginClient& client,
                                  const Secret& code,
                                  const std::string& redirect_uri,
                                  const Secret& verifier);
Result<TokenRequest> device_request(const LoginClient& client,
                                    const std::vector<std::string>& scopes);
Result<TokenRequest> device_token_request(const LoginClient& client, const Secret& device_code);

struct DeviceAnswer {
  Secret device_code;
  std::string user_code, verification_uri;
  std::chrono::seconds interval{5}, expires_in{0};
};
Result<DeviceAnswer> read_device_answer(const Reply& reply);

// The JSON object to keep: `old` (or an empty one) with this client and these tokens; every other
// key of it stays. `token_endpoint`, `tenant_id`: kept too, unless empty.
Result<Secret> login_document(const std::optional<Secret>& old,
                              const LoginClient& client,
                              const std::string& token_endpoint,
                              const std::string& tenant_id,
                              const TokenAnswer& answer,
                              UnixMs now);

}  // namespace aivault::tokens
