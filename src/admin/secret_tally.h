// SecretTally: how many secrets there are and how many are due, counted once for each change of the
// vault and each moment at which time alone changes it.
// Thread: one at a time. Errors: those of the vault.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "vault/vault.h"

namespace aivault::admin {

class SecretTally {
 public:
  Result<vault::SecretCounts> counts(vault::Vault& vault, UnixMs now);

 private:
  struct Kept {
    const vault::Vault* vault;
    std::int64_t counter;
    vault::SecretCounts counts;
  };
  std::optional<Kept> kept_;
};

}  // namespace aivault::admin
