// Token: what a call is signed with where the secret itself is not sent.
// Thread: any; constant after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "audit/event.h"
#include "base/ids.h"
#include "base/secret.h"
#include "policy/scrub.h"
#include "policy/token_endpoint.h"
#include "registry/auth_spec.h"
#include "tokens/when.h"
#include "vault/scope.h"
#include "vault/vault.h"

namespace aivault::tokens {

struct Token {
  Secret access;
  Secret fields;  // The secret with this token in it, for templates; empty: there are none.
  Life life;
  std::int64_t secret_version = 0;  // Of the secret that it belongs to.
  // Everything of the secret and this token, and of those that they replaced.
  std::shared_ptr<const policy::ScrubForms> forms;
};
using TokenPtr = std::shared_ptr<const Token>;

// One credential that needs tokens, as a call uses it. Outlives the call: a token that was asked
// for is kept whoever still waits for it.
struct Job {
  std::shared_ptr<vault::Vault> vault;
  std::string credential;
  registry::AuthSpec auth;
  policy::TokenEndpointRules rules;
  std::string tenant_host, extra_ca_pem;
  std::vector<std::string> public_fields;
  SecretId secret;
  vault::Context context;
  vault::Opener opener = vault::Opener::other;
  audit::Event who;  // For the record of new tokens in the secret.

  std::string key() const { return credential + ' ' + secret.str(); }
};
using JobPtr = std::shared_ptr<const Job>;

}  // namespace aivault::tokens
