// archive_text: a segment of the chain as lines of JSON: a head, then each row with the text of its
// body as it was hashed, so that the chain can be recomputed from the file.
// Thread: any; pure. Source: docs/audit.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/log.h"

namespace aivault::audit {

struct ArchiveHead {
  std::string vault_id;
  std::int64_t first = 0, last = 0;
  crypto::Hash previous_hash{};  // Of the row before the first.
  bool operator==(const ArchiveHead&) const = default;
};

// With their line ends.
std::string to_line(const ArchiveHead& head);
std::string to_line(const StoredRow& stored);

// Without line end. nullopt: it is not such a line.
std::optional<ArchiveHead> parse_archive_head(std::string_view line);
std::optional<StoredRow> parse_archive_row(std::string_view line);

}  // namespace aivault::audit
