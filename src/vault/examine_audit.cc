#include "vault/examine_audit.h"

#include <sys/statvfs.h>

#include <string>

#include "platform/file_system.h"
#include "vault/layout.h"

namespace aivault::vault {
namespace {

using Check = Vault::Check;
using State = Vault::Check::State;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
constexpr std::uint64_t kEnough = 100 * kMiB;
constexpr auto kAhead = std::chrono::seconds(5);

Check check_file_system(const std::string& root) {
  struct statvfs facts{};
  if (::statvfs(root.c_str(), &facts) != 0) {
    return {"filesystem", State::fail, root + " cannot be looked at", "ls -ld '" + root + "'"};
  }
  if (const auto flaw = platform::flaw_of_place(root); !flaw.empty()) {
    return {"filesystem",
            State::fail,
            root + " is on " + std::string(flaw),
            "mv '" + root + "' to a local disk and set AIVAULT_DIR"};
  }
  if ((facts.f_flag & ST_RDONLY) != 0) {
    return {"filesystem",
            State::fail,
            root + " is on a read-only file system",
            "mount -o remount,rw \"$(stat -c %m '" + root + "')\""};
  }
  return {"filesystem", State::ok, "local, writable", ""};
}

Check check_space(const std::string& root) {
  struct statvfs facts{};
  if (::statvfs(root.c_str(), &facts) != 0) {
    return {"disk-space", State::fail, root + " cannot be looked at", "df -h '" + root + "'"};
  }
  const auto free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  const auto detail = std::to_string(free / kMiB) + " MiB free";
  if (free < kEnough) return {"disk-space", State::warn, detail, "df -h '" + root + "'"};
  return {"disk-space", State::ok, detail, ""};
}

Check check_chain(const Result<audit::Verification>& verified) {
  constexpr const char* kHint = "aivault audit verify";
  if (!verified) return {"audit-chain", State::fail, verified.error().message, kHint};
  if (verified->ok) {
    return {"audit-chain", State::ok, std::to_string(verified->events) + " events", ""};
  }
  std::string detail;
  if (verified->first_bad_seq) {
    detail = "event " + std::to_string(*verified->first_bad_seq) + " is not as it was written";
  }
  for (const auto& name : verified->missing) {
    detail += (detail.empty() ? "" : "; ") + name + " is missing";
  }
  return {"audit-chain", State::fail, std::move(detail), kHint};
}

Check check_mirror(const MirrorState& mirror) {
  if (mirror.path.empty()) return {"audit-mirror", State::ok, "none is kept", ""};
  if (mirror.problem.empty()) return {"audit-mirror", State::ok, mirror.path, ""};
  return {"audit-mirror",
          State::warn,
          mirror.problem + " (" + std::to_string(mirror.lag) + " events behind)",
          "ls -l '" + mirror.path + "'"};
}

}  // namespace

std::vector<Check> examine_disk(const std::string& root) {
  return {check_file_system(root), check_space(root)};
}

Check examine_clock(UnixMs latest, UnixMs now) {
  if (latest <= now + kAhead) return {"clock", State::ok, rfc3339(now), ""};
  return {"clock",
          State::warn,
          "the vault was last changed at " + rfc3339(latest) + ", which is in the future: what " +
              "expired by then stays expired",
          "timedatectl"};
}

std::vector<Check> examine_audit(const AuditFacts& facts) {
  std::vector<Check> checks{check_chain(facts.verified)};
  checks.push_back(
      facts.writable
          ? Check{"audit-writable", State::ok, "the last record was written", ""}
          : Check{
                "audit-writable", State::fail, "calls and changes are refused", "aivault status"});
  checks.push_back(check_mirror(facts.mirror));
  checks.push_back(facts.call_records == CallRecords::written
                       ? Check{"audit-switch", State::ok, "calls are recorded", ""}
                       : Check{"audit-switch",
                               State::warn,
                               "calls are not recorded",
                               "unset AIVAULT_DISABLE_DISK_LOGS; aivault restart"});
  return checks;
}

}  // namespace aivault::vault
