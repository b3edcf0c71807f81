// layout: the names of the files of a vault, and its header `vault.json`, which is neither secret
// nor trusted: the database holds the same facts and wins.
// Thread: any. Errors: old_format, newer_format, unsafe_path, not_writable.
#pragma once

#include <string>

#include "base/result.h"
#include "platform/directory.h"
#include "vault/stored_row.h"

namespace aivault::vault {

inline constexpr const char* kHeaderName = "vault.json";
inline constexpr const char* kDatabaseName = "vault.db";
inline constexpr const char* kWalName = "vault.db-wal";
inline constexpr const char* kShmName = "vault.db-shm";
inline constexpr const char* kNewDatabaseName = "vault.db.new";
inline constexpr const char* kRestoredName = "vault.db.restore";
inline constexpr const char* kLockName = "vault.lock";

inline constexpr std::size_t kMaxHeaderBytes = 65'536;

// Bytes of the lock file: exclusive while a vault is made; shared while it is open.
inline constexpr std::int64_t kInitByte = 0;
inline constexpr std::int64_t kOpenByte = 1;
inline constexpr std::int64_t kArchiveByte = 3;  // Exclusive while a segment is archived.
inline constexpr std::int64_t kMirrorByte = 4;   // Exclusive while the mirror is written.
inline constexpr std::int64_t kKeysByte = 2;     // Exclusive while its key files are changed.

// A restore may have put another directory in the place of this one while we waited for a lock.
Result<void> check_in_place(const platform::Directory& root);
// Refuses headers of other formats; one that is missing or damaged is fine.
Result<void> check_header(const platform::Directory& root);
// Writes it if it is missing or differs.
Result<void> keep_header(const platform::Directory& root, const VaultRow& vault);
std::string header_text(const VaultRow& vault);
// Temporary files of processes that are gone, and what an interrupted restore has left. For who
// holds kOpenByte.
void remove_leftovers(const platform::Directory& root);

std::string rfc3339(UnixMs time);

}  // namespace aivault::vault
