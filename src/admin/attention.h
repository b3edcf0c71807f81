// Attention: what of a vault needs its operator: records that are refused or cannot be used, and
// secrets that are due.
// Thread: any. Errors: those of the vault.
#pragma once

#include <vector>

#include "admin/desk.h"
#include "base/result.h"
#include "vault/rows.h"
#include "vault/vault.h"

namespace aivault::admin {

struct Attention {
  std::vector<vault::Problem> records;  // Damaged or unusable, each once.
  std::vector<vault::Problem> due;      // Secrets: expired, soon to expire, to be rotated.
};
// Reads every secret's record; decrypts nothing.
Result<Attention> find_attention(Desk& desk, vault::Vault& vault);

}  // namespace aivault::admin
