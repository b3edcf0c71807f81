// History: the audit of an old vault, `audit/YYYY-MM.jsonl` with its rotated parts `.1` to `.10`,
// as events, oldest first.
// Thread: any. Errors: those of reading the directory; a line that cannot be read is counted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "format1/source.h"

namespace aivault::format1 {

// Files in the order of their events: months ascending, within one the highest number first.
std::vector<std::string> history_order(std::vector<std::string> names);

// nullopt: not an event of an old vault.
std::optional<audit::Event> parse_event(std::string_view line);

struct HistoryFailure {
  std::string file;
  Error error;
};
struct HistoryReport {
  std::int64_t unreadable_lines = 0;
  std::vector<HistoryFailure> failures;  // Whole files.
};
// Calls `take` with one event after another, with `imported` and `at` set.
Result<HistoryReport> read_history(const Source& vault,
                                   const std::function<Result<void>(audit::Event)>& take);

}  // namespace aivault::format1
