// Material: what one call is signed with: the secret of its credential, or a token had with it.
// Thread: the event loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "catalog/credential.h"
#include "policy/scrub.h"
#include "registry/auth_spec.h"
#include "tokens/token.h"

namespace aivault::broker {

struct Material {
  registry::AuthSpec auth;  // How `secret` goes into the request.
  Secret secret;
  std::shared_ptr<const policy::ScrubForms> forms;
  std::int64_t version = 0;                   // Of the stored secret.
  std::optional<std::string_view> body = "";  // What the signature covers; unset: not at hand.
  tokens::JobPtr job;                         // With a token only.
  tokens::TokenPtr token;                     // nullptr: the secret itself is sent.
};

void use_token(const registry::AuthSpec& auth, tokens::TokenPtr token, Material& material);

// What is needed to obtain tokens of a credential.
tokens::JobPtr job_of(std::shared_ptr<vault::Vault> vault,
                      const catalog::Credential& credential,
                      const SecretId& secret,
                      const vault::Context& context,
                      bool allow_any_port,
                      const audit::Event& call);

}  // namespace aivault::broker
