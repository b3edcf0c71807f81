// OwnJwt: a token that a credential signs itself, ready to be sent until little of its life is
// left. Thread: the event loop. Errors: vault_unavailable secret_malformed.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "policy/scrub.h"
#include "registry/auth_spec.h"

namespace aivault::broker {

struct OwnJwt {
  registry::MultiHeaderAuth auth;
  Secret fields;  // {"jwt": "..."}
  std::shared_ptr<const policy::ScrubForms> forms;
  UnixMs use_until;  // A quarter of its life, at most 60 s, before its end.
};

Result<OwnJwt> make_own_jwt(const registry::JwtAuth& auth,
                            const Secret& secret,
                            std::span<const std::string> public_fields,
                            UnixMs now);

}  // namespace aivault::broker
