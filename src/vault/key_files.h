// key_files: the key file P of a `file` vault and what is beside it while its key is changed:
// `P.new` (staged), `P.old` (about to be destroyed), and `P.vaults`, the list of vaults that use
// it. No key is destroyed that another vault on that list may need.
// Thread: any; one process at a time changes the files of a vault (byte kKeysByte of its lock).
// Errors: vault_unavailable key_unavailable, naming the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "platform/directory.h"
#include "store/database.h"
#include "vault/key_provider.h"
#include "vault/stored_row.h"

namespace aivault::vault {

// A key file as the vault that uses it sees it.
struct KeyFile {
  std::string path;  // Absolute.
  unsigned owner;    // Of the vault.

  std::string staged() const { return path + ".new"; }
  std::string retired() const { return path + ".old"; }
  std::string list() const { return path + ".vaults"; }
};
KeyFile key_file_of(const KeyProvider& provider, const platform::Directory& root);

// The key in one file; nullopt: there is no such file.
Result<std::optional<Secret>> read_key_file(const std::string& path, unsigned owner);

// The first of P, P.new and P.old whose key has this id. If there is none: what P itself gives,
// be it a key or the reason why there is none. Changes nothing.
Result<Secret> find_file_key(const KeyFile& file, std::string_view kek_id);

// Written with mode 0600 and synced; there must be no such file.
Result<void> stage_key(const std::string& path, unsigned owner, const Secret& key);

// Who uses the file. A vault is known by its id and its directory.
enum class KeyUse : std::uint8_t { made, adopted };
Result<void> note_key_user(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root,
                           KeyUse use);
Result<void> forget_key_user(const KeyFile& file,
                             const std::string& vault_id,
                             const std::string& root);
struct KeyUsers {
  bool made_by_us = false;           // The list says so.
  std::optional<std::string> other;  // The directory of another vault that uses it.
};
Result<KeyUsers> key_users(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root);

// After the check record of `vault` opened with its key, for the holder of kKeysByte: makes the
// file that fits P, destroys P.new and P.old, and the file that `retire` names. True: nothing is
// left to be retired. A file that holds a key of unknown origin stays as it is.
Result<bool> settle_key_files(const VaultRow& vault, const platform::Directory& root);

// The same at open: takes the lock, and does nothing if another process holds it or has changed
// `vault` meanwhile. `database` has no transaction.
Result<bool> settle_at_open(store::Database& database,
                            const VaultRow& vault,
                            const platform::Directory& root);

}  // namespace aivault::vault
