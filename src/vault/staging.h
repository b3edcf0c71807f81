// Staging: a vault that is built in a directory of its own inside the directory of a vault of
// format 1, and takes that one's place when it is complete.
// Thread: one. Nobody else makes or opens a vault there meanwhile. Killed anywhere, the directory
// holds the old vault as it was, or the new one.
// Errors: exists, busy after 10 s, old_format while there is none to replace, unsafe_path,
// not_writable.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "platform/directory.h"
#include "platform/range_lock.h"
#include "vault/key_provider.h"
#include "vault/vault.h"

namespace aivault::vault {

class Staging {
 public:
  // Refused: a directory without a header of format 1, or with a database already.
  static Result<std::unique_ptr<Staging>> begin(const Options& options);
  ~Staging();  // What has not taken its place is removed.
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  Staging(Staging&&) = delete;
  Staging& operator=(Staging&&) = delete;

  const platform::Directory& root() const { return root_; }
  // The new vault, open; `key` is what `provider` gives when it is asked in the vault directory.
  Result<std::unique_ptr<Vault>> build(const KeyProvider& provider,
                                       const Secret& key,
                                       const std::string& actor);
  // The vault that build() gave must be gone. Afterwards open() of the directory finds the new one.
  Result<void> take_place();

 private:
  Staging(Options options, platform::Directory root, platform::RangeLock lock)
      : options_(std::move(options)), root_(std::move(root)), lock_(std::move(lock)) {}
  void clear() const;

  Options options_;
  platform::Directory root_;
  platform::RangeLock lock_;
};

}  // namespace aivault::vault
