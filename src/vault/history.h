// history: the audit as one: what is in archives, in the database, and what waits to be chained.
// Thread: that of the database. Errors: those of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "audit/log.h"
#include "vault/row_reader.h"
#include "vault/segments.h"

namespace aivault::vault {

// By the filter's order; records that wait come with newest first only. An archive that cannot be
// read is passed over: to notice that is what verification is for.
Result<std::vector<audit::Record>> query_history(RowReader& rows, const audit::Filter& filter);

// Ends with busy once `goes_on`, if there is one, says no.
Result<audit::Verification> verify_history(RowReader& rows,
                                           const audit::Chain& chain,
                                           const std::optional<audit::Head>& given,
                                           const std::function<bool()>& goes_on = nullptr);

}  // namespace aivault::vault
