#include "registry/registry.h"

#include <algorithm>
#include <functional>

#include "registry/operator_file.h"
#include "registry/tables.h"

namespace aivault::registry {
namespace {

template <typename Table, typename Key>
auto find_sorted(const Table& table, std::string_view wanted, Key key) -> decltype(&table[0]) {
  const auto found = std::ranges::lower_bound(table, wanted, {}, key);
  return found != table.end() && key(*found) == wanted ? &*found : nullptr;
}

template <typename Entry, typename Key>
const Entry* find(const tables::Indexed<Entry>& table, std::string_view wanted, Key key) {
  const auto at = table.index.candidate(wanted);
  if (at == PerfectHash::kNobody) return nullptr;
  const auto& entry = table.entries[at];
  return std::invoke(key, entry) == wanted ? &entry : nullptr;
}

constexpr std::string_view kFamilyPin = "family:";

}  // namespace

std::span<const Provider> providers() { return tables::providers().entries; }

const Provider* find_provider(std::string_view id) {
  return find(tables::providers(), id, &Provider::id);
}

const Capability* find_capability(std::string_view id) {
  const auto* name = find(tables::names(), id, &tables::Name::id);
  return name != nullptr ? name->capability : nullptr;
}

const Retired* find_retired(std::string_view id) {
  const auto* name = find(tables::names(), id, &tables::Name::id);
  return name != nullptr ? name->retired : nullptr;
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
  return find(tables::claims(), secret_name, &Claim::secret);
}

const Provider* provider_of_host(std::string_view host) {
  const auto* entry = find(tables::hosts(), host, &tables::Host::host);
  return entry != nullptr ? entry->provider : nullptr;
}

std::span<const Family> families() { return tables::families(); }

bool accepts_pin(std::string_view provider, std::string_view pin) {
  if (!pin.starts_with(kFamilyPin)) return pin == provider;
  const auto* family = find_sorted(tables::families(),
                                   pin.substr(kFamilyPin.size()),
                                   [](const Family& entry) { return entry.name; });
  return family != nullptr && std::ranges::binary_search(family->members, provider);
}

Registry::Registry(std::vector<std::shared_ptr<const OwnProvider>> own,
                   std::vector<std::string> refused)
    : own_(std::move(own)), refused_(std::move(refused)) {
  std::ranges::sort(own_, {}, [](const auto& entry) { return entry->definition().id; });
}

std::vector<const Provider*> Registry::providers() const {
  std::vector<const Provider*> all;
  for (const auto& provider : registry::providers()) all.push_back(&provider);
  for (const auto& entry : own_) all.push_back(&entry->definition());
  std::ranges::sort(all, {}, &Provider::id);
  return all;
}

const OwnProvider* Registry::find_own(std::string_view id) const {
  const auto found =
      std::ranges::find_if(own_, [&](const auto& entry) { return entry->definition().id == id; });
  return found != own_.end() ? found->get() : nullptr;
}

const Provider* Registry::find_provider(std::string_view id) const {
  if (!is_operator_id(id)) return registry::find_provider(id);
  const auto* own = find_own(id);
  return own != nullptr ? &own->definition() : nullptr;
}

const Capability* Registry::find_capability(std::string_view id) const {
  if (!is_operator_id(id)) return registry::find_capability(id);
  const auto* own = find_own(id.substr(0, id.find('/')));
  if (own == nullptr) return nullptr;
  const auto* alias = find_sorted(own->aliases(), id, [](const Alias& entry) { return entry.id; });
  return find_sorted(own->definition().capabilities,
                     alias != nullptr ? alias->target.view() : id,
                     [](const Capability& entry) { return entry.id; });
}

const Retired* Registry::find_retired(std::string_view id) const {
  if (!is_operator_id(id)) return registry::find_retired(id);
  const auto* own = find_own(id.substr(0, id.find('/')));
  if (own == nullptr) return nullptr;
  return find_sorted(own->retired(), id, [](const Retired& entry) { return entry.id; });
}

const Claim* Registry::claim_of(std::string_view secret_name) const {
  if (const auto* claim = registry::claim_of(secret_name); claim != nullptr) return claim;
  for (const auto& own : own_) {
    const auto* claim =
        find_sorted(own->claims(), secret_name, [](const Claim& entry) { return entry.secret; });
    if (claim != nullptr) return claim;
  }
  return nullptr;
}

bool Registry::is_refused(std::string_view provider) const {
  return std::ranges::find(refused_, provider) != refused_.end();
}

std::string_view digest() { return tables::digest(); }

std::span<const TextView> injected_headers() { return tables::injected_headers(); }

}  // namespace aivault::registry
