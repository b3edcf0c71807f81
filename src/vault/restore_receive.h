// restore_receive: takes in an archive and leaves its database in a private file.
// Thread: that of the caller. Errors: those of the archive and of the source; not_writable;
// internal when there is no memory to make a key of the passphrase.
#pragma once

#include "base/result.h"
#include "platform/directory.h"
#include "vault/archive.h"
#include "vault/restore.h"

namespace aivault::vault {

// Reads the archive to its end into `kRestoredName` of `directory`, synced. The contents count: the
// archive was whole and true.
Result<ArchiveReader::Contents> receive_archive(const RestoreRequest& request,
                                                const platform::Directory& directory);

void remove_received(const platform::Directory& directory);

}  // namespace aivault::vault
