// restore_rows: what changes in the database of an archive before it becomes a vault again: tokens
// and pending approvals go, provider or key may be others, and the audit says what happened.
// Thread: that of the database, which nobody else has open. Errors: row_integrity, those of the
// store.
#pragma once

#include <memory>
#include <string>

#include "audit/event.h"
#include "base/result.h"
#include "store/database.h"
#include "vault/full_check.h"

namespace aivault::vault {

struct Restoring {
  std::string provider;                      // JSON; as it is to be.
  std::shared_ptr<const MasterKeys> master;  // nullptr: the key stays.
  audit::Event event;                        // With its note; what was removed is added to it.
};

// `checked` says what is there, verified. Afterwards everything is to be checked again.
Result<void> adjust_rows(store::Database& database, const Checked& checked, Restoring restoring);

}  // namespace aivault::vault
