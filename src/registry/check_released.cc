// SET-3 and SET-5: what was released grows only with a word of why, and everything fits the tables.
#include <algorithm>

#include "registry/check.h"

namespace aivault::registry {
namespace {

// Numbers of entries have 16 bits in the index of ids.
constexpr std::size_t kMostIds = 65'535;

// What this capability may do now and could not when it was released; empty: nothing.
std::string growth_of(const ProviderFile& file,
                      const CapabilityEntry& capability,
                      const Released& before) {
  if (capability.declared && *capability.declared > *before.highest) {
    return "as " + std::string(to_string(*before.highest)) + " and is " +
           std::string(to_string(*capability.declared)) + " now";
  }
  if (capability.emits && !before.emits) return "without 'emits'";
  const auto* slot = file.find_slot(capability.slot.text);
  if (slot == nullptr) return {};
  for (const auto& host : slot->hosts) {
    if (!before.hosts.contains(host.text)) return "without the host '" + host.text + "'";
  }
  return {};
}

}  // namespace

void check_widening(std::span<const ProviderFile> files, const Lock& lock, Problems& problems) {
  for (const auto& file : files) {
    std::set<std::string_view> explained, live;
    for (const auto& entry : file.widened) explained.insert(entry.id.text);
    for (const auto& capability : file.capabilities) {
      live.insert(capability.id.text);
      const auto before = lock.find(capability.id.text);
      if (before == lock.end() || !before->second.highest) continue;
      if (explained.contains(capability.id.text)) continue;
      const auto growth = growth_of(file, capability, before->second);
      if (growth.empty()) continue;
      problems.error(file.file,
                     capability.id.at,
                     "SET-3",
                     "'" + capability.id.text + "' was released " + growth +
                         ": say under 'widened' why existing grants may grow");
    }
    for (const auto& entry : file.widened) {
      if (live.contains(entry.id.text)) continue;
      problems.error(file.file, entry.id.at, "SET-3", "'widened' names no capability of this file");
    }
  }
}

void check_totals(std::span<const ProviderFile> files, Problems& problems) {
  std::size_t ids = 0;
  for (const auto& file : files) {
    const bool fitted = ids <= kMostIds;
    ids += file.capabilities.size() + file.aliases.size() + file.retired.size();
    if (!fitted || ids <= kMostIds) continue;
    problems.error(file.file,
                   file.id.at,
                   "SET-5",
                   "more than " + std::to_string(kMostIds) + " ids do not fit the tables");
  }
}

}  // namespace aivault::registry
