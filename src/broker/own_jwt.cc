#include "broker/own_jwt.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "auth/jwt.h"
#include "auth/material.h"
#include "base/encoding.h"
#include "broker/random.h"

namespace aivault::broker {

Result<OwnJwt> make_own_jwt(const registry::JwtAuth& auth,
                            const Secret& secret,
                            std::span<const std::string> public_fields,
                            UnixMs now) {
  TRY_ASSIGN(auto token, auth::own_jwt(auth, secret, now, hex(random_bytes())));
  TRY_ASSIGN(auto values, auth::secret_set(auth, secret, public_fields));
  const std::vector<auth::NamedSecret> named = {{"jwt", &token}};
  OwnJwt made;
  TRY_ASSIGN(made.fields, auth::compose(named));
  values.push_back(std::move(token));
  made.forms = policy::ScrubForms::of(values);
  made.auth.headers = {{auth.header_name, auth.value_template}};
  const std::chrono::seconds life(auth.ttl_seconds);
  made.use_until = now + life - std::min(life / 4, std::chrono::seconds(60));
  return made;
}

}  // namespace aivault::broker
