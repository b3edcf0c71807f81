// segments: runs of the audit that are complete: sealed ones are in the database, archived ones in
// a file of their own. What is said of a segment is a protected row.
// Thread: that of the database. Errors: those of the store and of the rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "vault/draft.h"
#include "vault/row_reader.h"

namespace aivault::vault {

struct SegmentLimits {
  std::int64_t rows = 65'536;  // Of one segment.
  std::size_t kept = 16;       // Sealed segments that stay in the database.
};

struct Segment {
  std::int64_t first = 0, last = 0;
  UnixMs first_at, last_at;
  crypto::Hash previous_hash{}, last_hash{};
  bool archived = false;
  std::string file;          // "1-65536.jsonl"; empty unless archived.
  crypto::Hash file_hash{};  // Of all its bytes.

  std::string id() const { return std::to_string(first) + "-" + std::to_string(last); }
};
store::Row to_row(const Segment& segment);
Segment segment_from(const store::Row& row);

// Verified, oldest first. Rows that fail are left out and appended to `damaged`.
Result<std::vector<Segment>> load_segments(RowReader& rows, std::vector<Problem>& damaged);
// The last number that is in an archive; 0: none is. Archives are a beginning of the chain.
std::int64_t archived_up_to(const std::vector<Segment>& segments);

// Seals the segment that is due, within a transaction under way and before its finish(): after
// so many rows, or thirty days.
class Sealer {
 public:
  explicit Sealer(SegmentLimits limits) : limits_(limits) {}
  // True: a segment was sealed.
  Result<bool> seal_due(store::Database& database, Draft& draft);
  void forget() { open_since_.reset(); }  // What is remembered of the database may be wrong.

 private:
  Result<void> look(store::Database& database, std::int64_t head);
  bool is_due(std::int64_t head, UnixMs now) const;

  SegmentLimits limits_;
  std::int64_t sealed_up_to_ = 0;
  std::optional<UnixMs> open_since_;  // Of the first row that is in no segment; nullopt: unknown.
};

}  // namespace aivault::vault
