#include "catalog/bindings.h"

#include "registry/registry.h"

namespace aivault::catalog {

void Bindings::add(vault::BindingRow binding) {
  if (const auto* known = registry::find_capability(binding.capability)) {
    binding.capability = known->id;
  }
  auto key = binding.id();
  const auto [place, is_new] = of_key_.try_emplace(std::move(key), binding);
  if (!is_new && place->second.updated_at < binding.updated_at) place->second = std::move(binding);
}

const vault::BindingRow* Bindings::find(std::string_view capability,
                                        const vault::Context& context,
                                        std::string_view consumer) const {
  if (of_key_.empty()) return nullptr;
  using vault::Scope;
  const auto look = [&](Scope scope) -> const vault::BindingRow* {
    vault::BindingRow wanted{
        std::string(capability), std::move(scope), std::string(consumer), {}, {}};
    auto found = of_key_.find(wanted.id());
    if (found == of_key_.end() && !consumer.empty()) {
      wanted.consumer.clear();
      found = of_key_.find(wanted.id());
    }
    return found == of_key_.end() ? nullptr : &found->second;
  };
  if (!context.workspace.empty()) {
    if (!context.group.empty()) {
      const auto* of_group = look({Scope::Kind::group, context.workspace, context.group});
      if (of_group != nullptr) return of_group;
    }
    const auto* of_workspace = look({Scope::Kind::workspace, context.workspace, ""});
    if (of_workspace != nullptr) return of_workspace;
  }
  return look({});
}

}  // namespace aivault::catalog
