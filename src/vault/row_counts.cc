#include "vault/row_counts.h"

#include <algorithm>
#include <string_view>

namespace aivault::vault {

using metrics::Name;

// Kinds are words of ours, except those of another vault's records.
void RowCounts::add(const audit::Event& event) {
  const std::string_view kind = event.imported ? "imported" : std::string_view(event.kind);
  const auto known = std::ranges::find(kinds_, kind, &std::pair<std::string, std::int64_t>::first);
  if (known != kinds_.end()) {
    ++known->second;
  } else {
    kinds_.emplace_back(kind, 1);
  }
}

void RowCounts::tell(metrics::Metrics* metrics, std::chrono::steady_clock::duration took) const {
  if (metrics == nullptr || kinds_.empty()) return;
  metrics->observe(Name::audit_commit_seconds, std::chrono::duration<double>(took).count());
  for (const auto& [kind, count] : kinds_) {
    metrics->add(Name::audit_rows, {kind}, static_cast<double>(count));
  }
}

}  // namespace aivault::vault
