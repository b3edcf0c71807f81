#include "registry/registry.h"

#include <algorithm>

#include "registry/tables.h"

namespace aivault::registry {
namespace {

template <typename Table, typename Key>
auto find_sorted(const Table& table, std::string_view wanted, Key key) -> decltype(&table[0]) {
  const auto found = std::ranges::lower_bound(table, wanted, {}, key);
  return found != table.end() && key(*found) == wanted ? &*found : nullptr;
}

constexpr std::string_view kFamilyPin = "family:";

}  // namespace

std::span<const Provider> providers() { return tables::providers(); }

const Provider* find_provider(std::string_view id) {
  return find_sorted(tables::providers(), id, [](const Provider& entry) { return entry.id; });
}

const Capability* find_capability(std::string_view id) {
  const auto* alias =
      find_sorted(tables::aliases(), id, [](const Alias& entry) { return entry.id; });
  const auto* found = find_sorted(tables::capabilities(),
                                  alias != nullptr ? alias->target : id,
                                  [](const Capability* entry) { return entry->id; });
  return found != nullptr ? *found : nullptr;
}

const Retired* find_retired(std::string_view id) {
  return find_sorted(tables::retired(), id, [](const Retired& entry) { return entry.id; });
}

std::string to_sentence(const Retired& retired) {
  auto text = "capability '" + std::string(retired.id) + "' is retired";
  if (!retired.reason.empty()) text += ": " + std::string(retired.reason);
  for (std::size_t i = 0; i < retired.successors.size(); ++i) {
    text += (i == 0 ? "; use '" : ", '") + std::string(retired.successors[i]) + "'";
  }
  return text;
}

const Claim* claim_of(std::string_view secret_name) {
  return find_sorted(
      tables::claims(), secret_name, [](const Claim& entry) { return entry.secret; });
}

std::span<const Family> families() { return tables::families(); }

bool accepts_pin(std::string_view provider, std::string_view pin) {
  if (!pin.starts_with(kFamilyPin)) return pin == provider;
  const auto* family = find_sorted(tables::families(),
                                   pin.substr(kFamilyPin.size()),
                                   [](const Family& entry) { return entry.name; });
  return family != nullptr && std::ranges::binary_search(family->members, provider);
}

std::string_view digest() { return tables::digest(); }

std::span<const std::string_view> injected_headers() { return tables::injected_headers(); }

}  // namespace aivault::registry
