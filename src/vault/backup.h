// backup: an open vault as an archive. One moment of it is copied aside, checked whole, recorded in
// the audit, sealed under a passphrase of the archive's own, and read back as it goes out.
// Thread: one backup at a time; takes seconds, blocks no writer and no reader.
// Errors: vault_locked; row_integrity or damaged, naming what is in the way; invalid_request
// record_invalid for a blank passphrase; not_writable; those of the sink.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "audit/event.h"
#include "base/secret.h"
#include "base/time.h"
#include "vault/archive.h"

namespace aivault::vault {

enum class ArchivedKey : std::uint8_t { included, left_out };

struct BackupRequest {
  const Secret& passphrase;
  ArchivedKey key = ArchivedKey::included;
  std::string program_version;
  audit::Event who;               // Kind and note are filled in.
  std::function<bool()> goes_on;  // Asked often: does anybody still want it?
  crypto::PassphraseCost cost = crypto::new_passphrase_cost();
};

struct BackupDone {
  std::string sha256;                  // Of the archive, 64 hex digits.
  std::int64_t secrets = 0;            // Live and revoked ones, as the archive says.
  std::int64_t archived_segments = 0;  // Files of the audit that are not in the archive.
};

}  // namespace aivault::vault
