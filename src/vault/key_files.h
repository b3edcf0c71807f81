// key_files: the key file P of a `file` vault and what is beside it while its key is changed:
// `P.<vault id>.new` (staged), `P.<vault id>.old` (about to be destroyed), and `P.vaults`, the list
// of vaults that use it. Nothing is destroyed but a key that this vault had and no other vault on
// that list may need.
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
#include "platform/key_file_changes.h"
#include "store/database.h"
#include "vault/key_provider.h"
#include "vault/stored_row.h"

namespace aivault::vault {

// A key file as the vault that uses it sees it.
struct KeyFile {
  std::string path;   // Absolute.
  unsigned owner;     // Of the vault.
  std::string vault;  // Its id, as a part of a name: no file of anybody else is called so.

  std::string staged() const { return path + "." + vault + ".new"; }
  std::string retired() const { return path + "." + vault + ".old"; }
  std::string list() const { return path + ".vaults"; }
};
KeyFile key_file_of(const KeyProvider& provider,
                    const platform::Directory& root,
                    const std::string& vault_id);

// The key in one file; nullopt: there is no such file.
Result<std::optional<Secret>> read_key_file(const std::string& path, unsigned owner);

// The first of P, the staged and the retired file whose key has this id. If there is none: what P
// itself gives, be it a key or the reason why there is none. Changes nothing.
Result<Secret> find_file_key(const KeyFile& file, std::string_view kek_id);

// Written with mode 0600 and synced; there must be no such file.
Result<void> stage_key(const std::string& path, unsigned owner, const Secret& key);

// Who uses the file. A vault is known by its id and its directory: a copy of a vault that is in
// another directory is another vault, a vault that was moved is the same.
enum class KeyUse : std::uint8_t { made, adopted };
Result<void> note_key_user(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root,
                           KeyUse use);
Result<void> forget_key_user(const KeyFile& file,
                             const std::string& vault_id,
                             const std::string& root);
struct KeyUsers {
  bool listed = false;               // We are on the list.
  bool made_by_us = false;           // The list says so.
  std::optional<std::string> other;  // The directory of another vault that uses it.
};
Result<KeyUsers> key_users(const KeyFile& file,
                           const std::string& vault_id,
                           const std::string& root);

// After the check record of `vault` opened with its key, for the holder of kKeysByte: makes the
// file that fits P, destroys the staged and the retired file, and the file that `retire` names. A
// file that holds anything but the key that is to go stays as it is.
struct Settled {
  bool done = false;  // Nothing is left to be retired.
  std::string left;   // What `retire` names, if it is not the key before and was left alone.
};
Result<Settled> settle_key_files(const VaultRow& vault, const platform::Directory& root);

// Destroys it if it holds the key of this id, or zeros that were left half-way.
Result<platform::Destroyed> destroy_key(const std::string& path,
                                        unsigned owner,
                                        std::string_view kek_id);
// Destroys a staged key that is not in force: it never was, and its name says whose it is.
Result<platform::Destroyed> destroy_staged(const KeyFile& file);

// The same at open: takes the lock, and does nothing if another process holds it or has changed
// `vault` meanwhile. `database` has no transaction.
Result<Settled> settle_at_open(store::Database& database,
                               const VaultRow& vault,
                               const platform::Directory& root);

}  // namespace aivault::vault
