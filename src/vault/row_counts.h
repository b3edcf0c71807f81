// RowCounts: how many audit records of which kind one transaction appends, for the metrics.
// Thread: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "audit/event.h"
#include "metrics/metrics.h"

namespace aivault::vault {

class RowCounts {
 public:
  void add(const audit::Event& event);
  // They were committed, which took so long. nullptr: nobody counts.
  void tell(metrics::Metrics* metrics, std::chrono::steady_clock::duration took) const;

 private:
  std::vector<std::pair<std::string, std::int64_t>> kinds_;  // Few.
};

}  // namespace aivault::vault
