// restore_key: what the key of a restored vault is to be, and how it comes to where its provider
// keeps it. A key file that holds another key keeps that key under another name. The place that an
// archive names is what its maker wrote there, and not always one that a key may be written to.
// Thread: that of the caller. Errors: key_unavailable, naming the file; vault_locked; wrong_key.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "vault/key_files.h"
#include "vault/key_provider.h"
#include "vault/keyring.h"
#include "vault/restore.h"

namespace aivault::vault {

struct KeyPlan {
  KeyProvider provider;
  std::shared_ptr<const MasterKeys>
      master;  // Another key than the archived one; nullptr: the same.
};
// `root`: where the vault will be. `present`: the archived key.
Result<KeyPlan> plan_key(const RestoreRequest& request,
                         const KeyProvider& archived,
                         const platform::Directory& root,
                         const MasterKeys& present);

// Puts the key of a `file` vault beside or in its place before the vault is there, and in its place
// once it is. Nothing to do for other providers.
class KeyPlacement {
 public:
  // `directory`: where the vault is built; `root`: where it will be.
  KeyPlacement(KeyProvider provider,
               const platform::Directory& directory,
               std::string root,
               const std::string& vault_id,
               std::int64_t at_ms)
      : provider_(std::move(provider)),
        file_(key_file_of(provider_, directory, vault_id)),
        root_(std::move(root)),
        place_(provider_.path.starts_with('/') ? provider_.path : root_ + "/" + provider_.path),
        suffix_(".before-restore-" + std::to_string(at_ms)) {}

  Result<void> prepare(const MasterKeys& keys);
  // Appends to `notices`; what fails is said there: the vault opens all the same.
  void finish(std::vector<std::string>& notices);

 private:
  KeyProvider provider_;
  KeyFile file_;
  std::string root_;   // Where the vault will be,
  std::string place_;  // and its key file.
  std::string suffix_;
  bool made_ = false;      // There was no key file.
  bool replaces_ = false;  // The key is in the staged file.
};

}  // namespace aivault::vault
