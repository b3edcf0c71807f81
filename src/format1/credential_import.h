// credential_import: one credential of the old vault. One that equals what the registry derives
// gives its hosts to the derived one; one that fails the checks of today is stored switched off,
// as it was, with the reason.
// Thread: the vault's writer thread. Errors: those of the vault, and invalid_request record_invalid
// for one that cannot be stored at all.
#pragma once

#include "base/result.h"
#include "format1/broker_file.h"
#include "format1/run.h"

namespace aivault::format1 {

Result<void> take_credential(Run& run, const OldCredential& old);

}  // namespace aivault::format1
