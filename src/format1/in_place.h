// in_place: an import where the old vault lies in the very directory of the new one: key and
// provider are kept, a new database is built beside the old files and takes their place, and they
// move to `format-1/`.
// Thread: any; blocks. Errors: those of import_vault, find_key and vault::Staging; wrong_key when
// the key that is at hand is not the one that the old vault names and opens none of its secrets.
#pragma once

#include "format1/import.h"
#include "format1/source_key.h"
#include "vault/options.h"

namespace aivault::format1 {

// No vault may be open there. A rehearsal leaves everything as it was.
Result<Report> import_in_place(const vault::Options& options,
                               const Source& source,
                               const Header& header,
                               const KeyGiven& given,
                               const Choice& choice,
                               const audit::Event& who);

}  // namespace aivault::format1
