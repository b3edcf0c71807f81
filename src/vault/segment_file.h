// segment_file: archived segments of the audit as files in the directory `audit` of a vault, 0400.
// A file is written aside and renamed, so that one with its final name is complete.
// Thread: any. Errors: not_writable, unsafe_path; not_found for a file that is not there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audit/archive_text.h"
#include "base/result.h"
#include "platform/directory.h"
#include "vault/segments.h"

namespace aivault::vault {

inline constexpr const char* kArchiveDirectory = "audit";

// Writes one file. Without finish() nothing stays.
class SegmentWriter {
 public:
  // Removes what a killed one has left: the caller sees to it that there is one at a time.
  static Result<SegmentWriter> begin(const platform::Directory& root,
                                     const audit::ArchiveHead& head);
  SegmentWriter(SegmentWriter&&) noexcept = default;
  SegmentWriter& operator=(SegmentWriter&&) = delete;
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;
  ~SegmentWriter();

  Result<void> add(const audit::StoredRow& row);
  // Synced; the hash of its bytes. A file of that name that was there is replaced.
  Result<crypto::Hash> finish(const std::string& name);

 private:
  SegmentWriter(platform::Directory directory, std::string aside, platform::Descriptor file);
  Result<void> put(std::string_view line);
  Result<void> flush();

  platform::Directory directory_;
  std::string aside_;  // Empty once it is renamed.
  platform::Descriptor file_;
  std::string buffer_;
  std::unique_ptr<crypto::Hasher> hasher_;
};

struct SegmentFile {
  std::optional<audit::ArchiveHead> head;  // nullopt: the first line is none.
  crypto::Hash hash{};                     // Of all bytes; only if it was read to its end.
  bool complete = false;                   // Read to its end.
  bool bad_line = false;                   // A line that is no row; nothing behind it was read.
};
// Reads rows in order until `take` returns false. Memory stays within a few lines.
Result<SegmentFile> read_segment(const std::string& root,
                                 const std::string& name,
                                 const std::function<bool(const audit::StoredRow&)>& take);

}  // namespace aivault::vault
