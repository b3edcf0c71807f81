// restore: makes a vault of an archive. The whole archive is read and checked aside before anything
// that is there changes; then one step puts the vault in its place. Killed anywhere, there is the
// old vault (at its place or as `<root>.before-restore-<ms>`) or the new one: docs/backup.md says
// in what order.
// Thread: that of the caller; takes seconds. Asks nothing.
// Errors: invalid_request exists (`vault already initialized at '<root>'`) | record_invalid for
// what is wrong with the archive; vault_unavailable wrong_key, key_unavailable, busy after 10 s,
// damaged, row_integrity, newer_format, unsafe_path, not_writable; those of the source.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "vault/vault.h"

namespace aivault::vault {

enum class ExistingVault : std::uint8_t { refuse, move_aside };

struct RestoreRequest {
  const Options& options;
  // The bytes of the archive, in order; 0: there are no more.
  std::function<Result<std::size_t>(std::span<char>)> source;
  const Secret& passphrase;                // Of the archive.
  std::optional<ProviderChoice> provider;  // Absent: that of the archived vault.
  // Of a passphrase vault; nullptr: the same as that of the archive.
  const Secret* vault_passphrase = nullptr;
  ExistingVault existing = ExistingVault::refuse;
  audit::Event who;  // Kind and note are filled in.
};

struct Restored {
  Status status;
  std::vector<std::string> notices;  // Sentences: what is where now, and what is still to do.
};

Result<Restored> restore(const RestoreRequest& request);

}  // namespace aivault::vault
