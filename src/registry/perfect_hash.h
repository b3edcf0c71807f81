// PerfectHash: where a text stands in a constant list, by one pass over the text and at most one
// comparison of texts. Made by registry_gen; looking up needs no memory and no start-up work.
// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace aivault::registry {

// FNV-1a, 64 bits.
constexpr std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

// Another hash for each seed of a bucket (the finalizer of splitmix64).
constexpr std::uint64_t with_seed(std::uint64_t hash, std::uint16_t seed) {
  hash += (std::uint64_t{seed} + 1) * 0x9e3779b97f4a7c15U;
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31U);
}

struct PerfectHash {
  static constexpr std::uint16_t kNobody = 0xffff;
  std::span<const std::uint16_t> seeds;  // One for each bucket of texts.
  std::span<const std::uint16_t> slots;  // Indexes into the list, or kNobody.

  // The only index at which the text can stand; kNobody: it is not in the list.
  constexpr std::uint16_t candidate(std::string_view text) const {
    if (slots.empty()) return kNobody;
    const auto hash = hash_of(text);
    const auto seed = seeds[hash % seeds.size()];
    return slots[with_seed(hash, seed) % slots.size()];
  }
};

struct PerfectHashTables {
  std::vector<std::uint16_t> seeds, slots;
};
// The texts differ and are fewer than 65,535.
PerfectHashTables make_perfect_hash(std::span<const std::string_view> texts);

}  // namespace aivault::registry
