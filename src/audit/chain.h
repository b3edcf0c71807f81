// chain: audit rows as they are stored, each hashed under a key together with the hash before it.
// Thread: any; pure. Source: docs/vault.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/hash.h"

namespace aivault::audit {

struct Row {
  std::int64_t seq = 0, ts_ms = 0;
  std::string kind;
  std::int64_t epoch = 0;
  // Of the first row of a change: its counter, and a JSON array of the protected rows that it
  // wrote ("+table/id") or removed ("-table/id"); ["*"]: all of them.
  std::optional<std::int64_t> rev;
  std::optional<std::string> objects, subject;
  std::string body;
};

crypto::Hash chain_hash(const Secret& key,
                        const crypto::Hash& previous,
                        std::string_view vault_id,
                        const Row& row);

}  // namespace aivault::audit
