// What a program needs to know that calls through the daemon with vendors' own clients.
#include <algorithm>
#include <set>
#include <string_view>

#include "admin/handlers.h"
#include "admin/shapes.h"
#include "admin/visibility.h"
#include "base/encoding.h"
#include "registry/registry.h"

namespace aivault::admin {
namespace {

using json::Value;

// Ids of the capabilities that this credential serves and the caller may invoke.
Value capabilities_of(const catalog::Authority& authority, const catalog::Credential& credential) {
  std::set<std::string_view> ids;
  const auto offer = [&](const registry::Capability& capability) {
    const auto& list = credential.capability_list;
    const bool listed = list.empty() || std::ranges::find(list, capability.id) != list.end();
    if (listed && may_invoke(authority, capability)) ids.insert(capability.id);
  };
  const auto& snapshot = *authority.snapshot();
  if (const auto* provider = snapshot.registry().find_provider(credential.provider)) {
    for (const auto& capability : provider->capabilities) offer(capability);
  }
  for (const auto& own : snapshot.own_capabilities()) {
    if (own->capability().provider == credential.provider) offer(own->capability());
  }
  auto list = Value::array();
  for (const auto id : ids) list.push(id);
  return list;
}

Value sdk_of(const registry::Registry& registry, std::string_view provider_id) {
  auto list = Value::array();
  const auto* provider = registry.find_provider(provider_id);
  if (provider == nullptr) return list;
  for (const auto& variable : provider->sdk) {
    list.push(Value::object({{"baseUrl", variable.base_url.view()},
                             {"suffix", variable.suffix.view()},
                             {"token", variable.token.view()}}));
  }
  return list;
}

Value secret_names(const registry::Registry& registry) {
  std::set<std::string_view> names;
  for (const auto* provider : registry.providers()) {
    for (const auto& kind : provider->kinds) {
      for (const auto& claim : kind.secrets) names.insert(claim.name);
    }
  }
  auto list = Value::array();
  for (const auto name : names) list.push(name);
  return list;
}

}  // namespace

Result<Answer> list_endpoints(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto authority, authority_of(desk, request));
  auto items = Value::array();
  const auto& registry = authority.snapshot()->registry();
  for (const auto& credential : authority.snapshot()->credentials()) {
    const bool usable = credential.state == catalog::CredentialState::ready &&
                        authority.reaches(credential.scope) &&
                        authority.check_credential(credential.id, credential.provider);
    if (!usable) continue;
    auto capabilities = capabilities_of(authority, credential);
    if (capabilities.items().empty()) continue;
    items.push(Value::object({{"base", "/v/" + percent_encode(credential.id)},
                              {"capabilities", std::move(capabilities)},
                              {"credential", credential.id},
                              {"provider", credential.provider},
                              {"sdk", sdk_of(registry, credential.provider)}}));
  }
  return ad_hoc(Value::object(
      {{"items", std::move(items)}, {"next", nullptr}, {"secretNames", secret_names(registry)}}));
}

}  // namespace aivault::admin
