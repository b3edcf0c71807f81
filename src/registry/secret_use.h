// SecretUse: which fields of a secret an auth kind reads.
// Thread: any.
#pragma once

#include <set>
#include <string>

#include "registry/auth_spec.h"

namespace aivault::registry {

struct SecretUse {
  std::set<std::string> needed;  // By a template, or by the strategy itself.
  std::set<std::string> known;   // Used where they are there.
  bool whole = false;            // One secret may be all of it: a key, or JSON with all fields.
};

SecretUse secret_use(const AuthSpec& spec);

}  // namespace aivault::registry
