// Attention: what of a vault needs its operator: records that are refused or cannot be used, and
// secrets that are due.
// Thread: any. Errors: those of the vault.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "admin/desk.h"
#include "base/result.h"
#include "vault/rows.h"
#include "vault/vault.h"

namespace aivault::admin {

constexpr auto kExpiryNotice = std::chrono::days(14);  // A secret that expires soon.

struct Attention {
  std::vector<vault::Problem> records;  // Damaged or unusable, each once.
  std::vector<vault::Problem> due;      // Secrets: expired, soon to expire, to be rotated.
};
// every: reads the record of every secret. first: of the first 1,000 by name, in bounded time; what
// else was refused is named once anything has met it. Decrypts nothing.
enum class Look : std::uint8_t { first, every };
Result<Attention> find_attention(Desk& desk, vault::Vault& vault, Look look);

}  // namespace aivault::admin
