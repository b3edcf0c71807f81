#include "audit/chain.h"

#include "crypto/canonical.h"

namespace aivault::audit {

crypto::Hash chain_hash(const Secret& key,
                        const crypto::Hash& previous,
                        std::string_view vault_id,
                        const Row& row) {
  crypto::Canonical encoded("audit");
  const auto optional_text = [&](const std::optional<std::string>& text) {
    if (text) {
      encoded.text(*text);
    } else {
      encoded.absent();
    }
  };
  encoded.text(vault_id).integer(row.seq).integer(row.ts_ms).text(row.kind).integer(row.epoch);
  if (row.rev) {
    encoded.integer(*row.rev);
  } else {
    encoded.absent();
  }
  optional_text(row.objects);
  optional_text(row.subject);
  encoded.text(row.body);
  return crypto::keyed_hash(key, {crypto::view(previous), encoded.bytes()});
}

}  // namespace aivault::audit
