// restore_key: what the key of a restored vault is to be, and how it comes to where its provider
// keeps it. A key file that holds another key keeps that key under another name.
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
               std::int64_t at_ms)
      : provider_(std::move(provider)),
        file_(key_file_of(provider_, directory)),
        root_(std::move(root)),
        suffix_(".before-restore-" + std::to_string(at_ms)) {}

  Result<void> prepare(const MasterKeys& keys);
  // Appends to `notices`; what fails is said there: the vault opens all the same.
  void finish(std::vector<std::string>& notices);

 private:
  KeyProvider provider_;
  KeyFile file_;
  std::string root_, suffix_;
  bool replaces_ = false;  // The key is in the staged file.
};

}  // namespace aivault::vault
