// sign: adds a credential to a planned request. The result is the only thing that can be sent.
// Pure: secret and time are arguments.
// Thread: any. Source: docs/credentials.md; RFC 7617 for Basic; RFC 9112 for the head.
// Errors: vault_unavailable secret_malformed (markers of wrong material), policy_violation
// auth_config.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/client_identity.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "policy/plan.h"
#include "registry/auth_spec.h"

namespace aivault::auth {

class SignedRequest;
Result<SignedRequest> sign_token_request(const policy::TokenEndpoint&,
                                         http::Headers,
                                         std::uint64_t,
                                         const Secret&);

// What a strategy may need beside the request and the secret.
struct SigningInput {
  UnixMs now;
  // The whole body, empty if there is none; unset: not at hand (see body_need).
  std::optional<std::string_view> body = std::string_view();
  std::string jti;            // 128 random bits as text.
  std::string websocket_key;  // Of a request that upgrades: 16 random bytes in Base64.
};

// nothing: never looks at it; small: up to 1 MiB where its size is known; whole: up to 32 MiB.
enum class BodyNeed : std::uint8_t { nothing, small, whole };
BodyNeed body_need(const registry::AuthSpec& auth);

// Move-only and unprintable: the head or the identity holds the credential.
class SignedRequest {
 public:
  SignedRequest(SignedRequest&&) noexcept = default;
  SignedRequest& operator=(SignedRequest&&) noexcept = default;
  ~SignedRequest() = default;
  SignedRequest(const SignedRequest&) = delete;
  SignedRequest& operator=(const SignedRequest&) = delete;

  const policy::PlannedRequest& planned() const { return planned_; }
  // The complete HTTP/1.1 head, framing headers included, up to the empty line.
  const Secret& head() const { return head_; }
  // Mutual TLS: what the connection has to show; unset: nothing.
  const std::optional<ClientIdentity>& identity() const { return identity_; }
  // Signatures and tokens made from the secret for this request: the upstream may repeat them.
  const std::vector<Secret>& computed() const { return computed_; }
  const std::string& websocket_key() const { return websocket_key_; }  // Empty: no upgrade.

 private:
  friend Result<SignedRequest> sign(policy::PlannedRequest,
                                    const registry::AuthSpec&,
                                    const Secret&,
                                    const SigningInput&);
  friend Result<SignedRequest> sign_token_request(const policy::TokenEndpoint&,
                                                  http::Headers,
                                                  std::uint64_t,
                                                  const Secret&);
  SignedRequest(policy::PlannedRequest planned, Secret head)
      : planned_(std::move(planned)), head_(std::move(head)) {}
  policy::PlannedRequest planned_;
  Secret head_;
  std::optional<ClientIdentity> identity_;
  std::vector<Secret> computed_;
  std::string websocket_key_;
};

Result<SignedRequest> sign(policy::PlannedRequest planned,
                           const registry::AuthSpec& auth,
                           const Secret& secret,
                           const SigningInput& input = {});

}  // namespace aivault::auth
