// decide: says whether a capability, through one credential, allows a request: rows 8 to 16 of the
// validation order, first failing row answers. Pure: same input, same answer.
// Thread: any. Source: docs/policy.md. Errors: policy_violation, invalid_request as the rows say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/host.h"
#include "http/message.h"
#include "http/target.h"
#include "policy/address.h"
#include "registry/auth_spec.h"
#include "registry/definition.h"

namespace aivault::policy {

// What a provider says about every call with a credential of it.
struct ProviderRules {
  std::vector<std::string> never;             // Path patterns that no call reaches.
  std::vector<std::string> listed_hosts;      // As its slots name them.
  std::vector<std::string> injected_headers;  // Of all its kinds: callers may not send them.
};

// What decides about a call, of one credential. Holds no secret.
struct CredentialPolicy {
  struct Header {
    std::string name, value;  // Lower-case name.
    bool override_by_caller = true;
  };
  std::string id;
  std::vector<std::string> hosts;  // Literal authorities; their ports count only where allowed.
  registry::AuthSpec auth;
  AddressPolicy addresses = AddressPolicy::public_only;
  bool allow_any_port = false;  // Custom credentials; registry ones use 443.
  std::string path_prefix;      // upstreamPathPrefix: applied after the decision; may be empty.
  std::vector<Header> default_headers;
  std::vector<std::string> request_headers;       // Names allowed here although refused elsewhere.
  std::vector<std::string> managed_parameters;    // Refused from callers besides those of `auth`.
  std::shared_ptr<const ProviderRules> provider;  // nullptr: the provider is not known.
};

struct CallRequest {
  std::string method;     // Of an upgrade: GET.
  std::string path;       // As the caller wrote it, query included.
  http::Headers headers;  // As the caller wrote them.
  bool has_body = false;
  std::optional<std::uint64_t> body_size;  // Unset with a body: unknown, sent chunked.
  // Of a multipart body; replaces the caller's content-type. Empty: no multipart.
  std::string multipart_content_type;
  bool read_only = false;  // Row 10b: only a call that reads; a GraphQL body is judged by itself.
  // A GET that opens a WebSocket: judged as the method WS. `protocols`: its subprotocols.
  bool upgrades = false;
  std::vector<std::string> protocols;
};

// Proof that decide() allowed one request. Nothing else can make one.
class Approved {
 public:
  const std::string& method() const { return method_; }  // Upper case.
  const http::Target& target() const { return target_; }
  const http::Authority& authority() const { return authority_; }
  const http::Headers& headers() const { return headers_; }  // The caller's, kept ones only.
  const CredentialPolicy& credential() const { return credential_; }
  bool has_body() const { return has_body_; }
  std::optional<std::uint64_t> body_size() const { return body_size_; }
  bool upgrades() const { return upgrades_; }
  const std::vector<std::string>& protocols() const { return protocols_; }

 private:
  friend Result<Approved> decide(const registry::Capability&, const CredentialPolicy&, CallRequest);
  Approved(std::string method, http::Target target, http::Authority authority)
      : method_(std::move(method)), target_(std::move(target)), authority_(std::move(authority)) {}
  std::string method_;
  http::Target target_;
  http::Authority authority_;
  http::Headers headers_;
  CredentialPolicy credential_;
  bool has_body_ = false;
  std::optional<std::uint64_t> body_size_;
  bool upgrades_ = false;
  std::vector<std::string> protocols_;
};

Result<Approved> decide(const registry::Capability& capability,
                        const CredentialPolicy& credential,
                        CallRequest call);

}  // namespace aivault::policy
