// examine_audit: the checks of `doctor` that concern the disk, the clock and the audit.
// Thread: any; nothing is changed. Errors: none; what fails is what a check says.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "vault/vault.h"

namespace aivault::vault {

// filesystem, disk-space. They work without opening anything.
std::vector<Vault::Check> examine_disk(const std::string& root);
// clock: `latest`, the largest time in the vault, against now.
Vault::Check examine_clock(UnixMs latest, UnixMs now);

struct AuditFacts {
  Result<audit::Verification> verified;
  bool writable = true;
  MirrorState mirror;
  CallRecords call_records = CallRecords::written;
};
// audit-chain, audit-writable, audit-mirror, audit-switch.
std::vector<Vault::Check> examine_audit(const AuditFacts& facts);

}  // namespace aivault::vault
