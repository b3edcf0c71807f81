// usage: writes how often and when secrets were last used. The figures are not authenticated and
// do not move the counter.
// Thread: the writer. Errors: none; what cannot be written goes back to the core for the next time.
#pragma once

#include "store/database.h"
#include "vault/core.h"

namespace aivault::vault {

void write_usage(store::Database& database, Core& core);

}  // namespace aivault::vault
