// old_files: the files of a vault of format 1 that lie beside the database that has taken their
// place. They are moved, never changed and never removed.
// Thread: any; for the holder of the init lock. Errors: unsafe_path, not_writable.
#pragma once

#include "base/result.h"
#include "platform/directory.h"

namespace aivault::vault {

inline constexpr const char* kOldFilesDirectory = "format-1";
inline constexpr const char* kStagingDirectory = "vault.new";  // Where the new one was built.

// Is there a header of format 1?
Result<bool> has_old_header(const platform::Directory& root);

// Moves them to `format-1/`; done again after a crash it goes on where it was. The header is copied
// there last and stays in place, so that the directory never looks as if it held no vault; whoever
// opens the new vault replaces it.
Result<void> move_old_files(const platform::Directory& root);

}  // namespace aivault::vault
