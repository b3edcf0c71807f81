// AuditKeeper: what happens to the audit behind the writer, on a thread of its own: the mirror
// follows every commit, and old segments move into archives.
// Thread: members from any. Errors: none; what fails is shown by state() and tried again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "vault/mirror.h"
#include "vault/segments.h"
#include "vault/vault.h"
#include "vault/writer.h"

namespace aivault::vault {

class AuditKeeper {
 public:
  // `mirror`: a path; empty: none.
  AuditKeeper(Core& core, Writer& writer, SegmentLimits limits, std::string mirror);
  ~AuditKeeper();  // The mirror gets what is committed by then.
  AuditKeeper(const AuditKeeper&) = delete;
  AuditKeeper& operator=(const AuditKeeper&) = delete;
  AuditKeeper(AuditKeeper&&) = delete;
  AuditKeeper& operator=(AuditKeeper&&) = delete;

  MirrorState state() const;
  void reopen_mirror() { reopen_ = true; }

 private:
  void run();
  void pass(bool archiving);
  Result<store::Database*> database();
  Result<std::vector<Segment>> segments(store::Database& database);

  Result<void> take_turn_at_mirror();
  Result<void> mirror_new();
  Result<void> mirror_rows(store::Database& database, std::int64_t reached);
  // True: there may be more to do.
  Result<bool> archive_oldest();
  Result<void> write_archive(store::Database& database, Segment& segment);
  Result<void> record_archive(const Segment& segment);
  Result<bool> trim(std::int64_t up_to);

  Core& core_;
  Writer& writer_;
  SegmentLimits limits_;
  Mirror mirror_;
  std::optional<store::Database> database_;
  std::atomic<bool> reopen_ = false;
  std::atomic<std::int64_t> mirrored_ = 0;  // Up to this event, as far as is known.
  mutable std::mutex guard_;
  std::string problem_;
  std::chrono::steady_clock::time_point mirrored_at_ = std::chrono::steady_clock::now();
  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace aivault::vault
