#include "registry/own_provider.h"

#include <algorithm>
#include <set>
#include <utility>

#include "json/write.h"
#include "registry/check.h"

namespace aivault::registry {

OwnProvider::OwnProvider(ProviderFile file) : file_(std::move(file)) {
  definition_.id = file_.id.text;
  definition_.name = file_.name.text;
  definition_.category = file_.category.text;
  definition_.docs = file_.docs.text;
  definition_.never = keep(file_.never);
  make_slots();
  make_token_endpoints();
  make_kinds();
  make_capabilities();
  make_old_ids();
  make_rest();
  make_claims();
}

std::string_view OwnProvider::keep(std::string text) {
  return texts_.emplace_back(std::move(text));
}

ListView<TextView> OwnProvider::keep(const Texts& texts) {
  auto& list = lists_.emplace_back();
  for (const auto& text : texts) list.emplace_back(text.text);
  return list;
}

ListView<TextView> OwnProvider::keep(std::vector<std::string> texts) {
  auto& list = lists_.emplace_back();
  for (auto& text : texts) list.push_back(keep(std::move(text)));
  return list;
}

void OwnProvider::make_slots() {
  for (const auto& slot : file_.slots) slots_.push_back({slot.name.text, keep(slot.hosts)});
  definition_.slots = slots_;
}

void OwnProvider::make_token_endpoints() {
  for (const auto& entry : file_.token_endpoints) {
    auto& fields = fields_.emplace_back();
    for (const auto& [name, value] : entry.extra) fields.push_back({name.text, value.text});
    token_endpoints_.push_back({entry.name.text,
                                entry.token.text,
                                entry.authorize.text,
                                entry.device.text,
                                fields,
                                entry.pkce,
                                entry.rotates,
                                entry.default_ttl_s});
  }
  definition_.token_endpoints = token_endpoints_;
}

void OwnProvider::make_kinds() {
  std::set<std::string> managed, injected;
  for (const auto& name : file_.managed_parameters) managed.insert(name.text);
  for (const auto& entry : file_.kinds) {
    const AuthSpec spec = entry.spec.value_or(AuthSpec{});
    auto& secrets = secrets_.emplace_back();
    for (const auto& secret : entry.secrets) {
      secrets.push_back(
          {secret.name.text, secret.placeholder.text, secret.is_public, secret.required});
    }
    AuthKind kind;
    kind.name = entry.name.text;
    kind.base = entry.base;
    kind.named_only = entry.named_only;
    kind.priority = entry.priority;
    kind.secrets = secrets;
    kind.word = auth_word(spec);
    kind.config = keep(json::compact(to_json(spec)));
    kind.endpoint = entry.endpoint.text;
    kind.path_prefix = entry.path_prefix.text;
    kind.methods = keep(entry.methods);
    kinds_.push_back(kind);
    for (auto& name : injected_by(entry)) injected.insert(std::move(name));
    if (!entry.spec) continue;
    for (auto& name : managed_parameters(*entry.spec)) managed.insert(std::move(name));
  }
  definition_.kinds = kinds_;
  definition_.managed_parameters = keep(std::vector<std::string>(managed.begin(), managed.end()));
  injected_ = keep(std::vector<std::string>(injected.begin(), injected.end()));
}

// A kind that serves some slots only is one that the capabilities of the others do not have.
ListView<TextView> OwnProvider::keep_kinds(const CapabilityEntry& entry) {
  const bool any_limited =
      std::ranges::any_of(file_.kinds, [](const KindEntry& kind) { return !kind.slots.empty(); });
  if (!entry.kinds.empty() || !any_limited) return keep(entry.kinds);
  std::vector<std::string> serving;
  for (const auto& kind : file_.kinds) {
    if (!kind.named_only && kind.serves_slot(entry.slot.text)) serving.push_back(kind.name.text);
  }
  return keep(serving);
}

Capability OwnProvider::make(const CapabilityEntry& entry) {
  Capability capability;
  capability.id = entry.id.text;
  capability.provider = file_.id.text;
  capability.summary = entry.summary.text;
  capability.declared = entry.declared.value_or(CallClass::destructive);
  const auto slot = std::ranges::find(slots_, entry.slot.text, &Slot::name);
  if (slot != slots_.end()) capability.hosts = slot->hosts;
  auto& rules = rules_.emplace_back();
  for (const auto& rule : entry.allow) rules.push_back({keep(rule.methods), keep(rule.paths)});
  capability.allow = rules;
  capability.except = keep(entry.except);
  auto& class_rules = class_rules_.emplace_back();
  for (const auto& rule : entry.classes) {
    class_rules.push_back(
        {rule.value.value_or(CallClass::destructive), keep(rule.methods), keep(rule.paths)});
  }
  capability.classes = class_rules;
  capability.never = definition_.never;
  capability.kinds = keep_kinds(entry);
  capability.emits = entry.emits;
  capability.is_explicit = entry.is_explicit;
  capability.nested = entry.nested;
  capability.wide = entry.wide;
  capability.websocket = entry.websocket;
  capability.streaming = entry.streaming;
  capability.range = entry.range;
  capability.graphql = entry.graphql;
  if (entry.example) {
    capability.example = {entry.example->method.text,
                          entry.example->path.text,
                          entry.example->query.text,
                          entry.example->body.text};
  }
  return capability;
}

void OwnProvider::make_capabilities() {
  for (const auto& entry : file_.capabilities) capabilities_.push_back(make(entry));
  std::ranges::sort(capabilities_, {}, &Capability::id);
  definition_.capabilities = capabilities_;
}

void OwnProvider::make_old_ids() {
  for (const auto& alias : file_.aliases) aliases_.push_back({alias.id.text, alias.target.text});
  std::ranges::sort(aliases_, {}, &Alias::id);
  for (const auto& entry : file_.retired) {
    retired_.push_back(
        {entry.id.text, entry.reason.text, entry.release.text, keep(entry.replacements)});
  }
  std::ranges::sort(retired_, {}, &Retired::id);
}

void OwnProvider::make_rest() {
  for (const auto& header : file_.headers) {
    headers_.push_back({header.name.text, header.value.text, header.override_by_caller});
  }
  for (const auto& param : file_.params) {
    params_.push_back(
        {param.name.text, param.label.text, param.chars.text, param.required, param.example.text});
  }
  for (const auto& entry : file_.sdk) {
    sdk_.push_back({entry.base_url.text, entry.suffix.text, entry.token.text});
  }
  definition_.headers = headers_;
  definition_.params = params_;
  definition_.sdk = sdk_;
  definition_.setup_url = file_.setup_url.text;
  definition_.setup_steps = keep(file_.setup_steps);
  definition_.looks_like = file_.looks_like.text;
  definition_.request_headers = keep(file_.request_headers);
}

void OwnProvider::make_claims() {
  self_ = &definition_;
  std::set<std::string_view> names;
  for (const auto& kind : kinds_) {
    for (const auto& secret : kind.secrets) names.insert(secret.name);
  }
  for (const auto name : names) claims_.push_back({name, definition_.id, std::span(&self_, 1)});
}

}  // namespace aivault::registry
