#include "admin/secret_tally.h"

#include "admin/attention.h"

namespace aivault::admin {

Result<vault::SecretCounts> SecretTally::counts(vault::Vault& vault, UnixMs now) {
  TRY_ASSIGN(const auto counter, vault.change_counter());
  const bool is_right = kept_ && kept_->vault == &vault && kept_->counter == counter &&
                        (!kept_->counts.until || now < *kept_->counts.until);
  if (is_right) return kept_->counts;
  TRY_ASSIGN(const auto counts, vault::read(vault, [now](vault::Reader& reader) {
               return reader.count_secrets(now, kExpiryNotice);
             }));
  kept_ = Kept{&vault, counter, counts};
  return counts;
}

}  // namespace aivault::admin
