// seal_sum: what the seals of a database add up to: their number, and the digest of all of them
// under a key. The sealed state of a vault must say the same.
// Thread: that of the database. Errors: those of the store.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "store/database.h"
#include "vault/digest.h"
#include "vault/keyring.h"

namespace aivault::vault {

struct SealSum {
  std::int64_t objects = 0;
  Digest digest;
};
Result<SealSum> sum_of_seals(store::Database& database, const MasterKeys& keys);

}  // namespace aivault::vault
