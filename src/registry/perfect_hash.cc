#include "registry/perfect_hash.h"

#include <algorithm>
#include <optional>

namespace aivault::registry {
namespace {

constexpr std::size_t kTextsPerBucket = 4;
constexpr auto kNobody = PerfectHash::kNobody;

struct Bucket {
  std::size_t number = 0;
  std::vector<std::uint16_t> texts;
};

// The slots of a bucket under a seed, if they are free and differ.
std::optional<std::vector<std::size_t>> places(const Bucket& bucket,
                                               std::span<const std::uint64_t> hashes,
                                               std::uint16_t seed,
                                               const std::vector<std::uint16_t>& slots) {
  std::vector<std::size_t> found;
  for (const auto text : bucket.texts) {
    const auto slot = static_cast<std::size_t>(with_seed(hashes[text], seed) % slots.size());
    if (slots[slot] != kNobody || std::ranges::find(found, slot) != found.end()) {
      return std::nullopt;
    }
    found.push_back(slot);
  }
  return found;
}

bool place(const Bucket& bucket, std::span<const std::uint64_t> hashes, PerfectHashTables& tables) {
  for (std::uint32_t seed = 0; seed <= 0xffff; ++seed) {
    const auto found = places(bucket, hashes, static_cast<std::uint16_t>(seed), tables.slots);
    if (!found) continue;
    tables.seeds[bucket.number] = static_cast<std::uint16_t>(seed);
    for (std::size_t i = 0; i < found->size(); ++i) tables.slots[(*found)[i]] = bucket.texts[i];
    return true;
  }
  return false;
}

std::vector<Bucket> buckets_of(std::span<const std::uint64_t> hashes, std::size_t count) {
  std::vector<Bucket> buckets(count);
  if (buckets.empty()) return buckets;
  for (std::size_t i = 0; i < count; ++i) buckets[i].number = i;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    buckets[hashes[i] % count].texts.push_back(static_cast<std::uint16_t>(i));
  }
  // The fullest first, while there is room.
  std::ranges::sort(buckets, [](const Bucket& a, const Bucket& b) {
    return a.texts.size() != b.texts.size() ? a.texts.size() > b.texts.size() : a.number < b.number;
  });
  return buckets;
}

}  // namespace

PerfectHashTables make_perfect_hash(std::span<const std::string_view> texts) {
  std::vector<std::uint64_t> hashes;
  for (const auto text : texts) hashes.push_back(hash_of(text));
  const auto count = texts.size() / kTextsPerBucket + 1;
  const auto buckets = buckets_of(hashes, count);
  // With a quarter of the slots to spare the first size will do; a larger one always does.
  for (auto size = texts.size() + texts.size() / 4;; size += count) {
    PerfectHashTables tables{std::vector<std::uint16_t>(count, 0),
                             std::vector<std::uint16_t>(size, kNobody)};
    const bool all = std::ranges::all_of(
        buckets, [&](const Bucket& bucket) { return place(bucket, hashes, tables); });
    if (all) return tables;
  }
}

}  // namespace aivault::registry
