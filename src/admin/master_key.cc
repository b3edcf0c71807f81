#include <algorithm>
#include <array>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/provider_choice.h"
#include "admin/shapes.h"
#include "vault/key_provider.h"

namespace aivault::admin {
namespace {

using json::Value;

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

constexpr std::array<std::string_view, 7> kProviderKeys = {"provider",
                                                           "filePath",
                                                           "envVar",
                                                           "credentialName",
                                                           "keyDescription",
                                                           "keychainService",
                                                           "keychainAccount"};

bool names_a_provider(const Body& body) {
  return std::ranges::any_of(kProviderKeys,
                             [&](std::string_view key) { return body.value(key) != nullptr; });
}

vault::ProviderChoice::Kind present_kind(const vault::Status& status) {
  auto option = status.provider_type.value_or("file");
  std::ranges::replace(option, '_', '-');
  return vault::provider_kind(option).value_or(vault::ProviderChoice::Kind::file);
}

Value to_json(const vault::Recovery& recovery) {
  Value kept = Value::object({});
  for (const auto& [noun, count] : recovery.kept) kept.set(noun, count);
  Value dropped = Value::array();
  for (const auto& [kind, id, message] : recovery.dropped) {
    dropped.push(Value::object({{"id", id}, {"kind", kind}, {"message", message}}));
  }
  return Value::object({{"accepted", recovery.accepted},
                        {"auditMissing", recovery.audit_missing},
                        {"auditRows", recovery.audit_rows},
                        {"copy", recovery.copy.empty() ? Value() : Value(recovery.copy)},
                        {"damaged", recovery.damaged},
                        {"dropped", std::move(dropped)},
                        {"kept", std::move(kept)}});
}

}  // namespace

Result<Answer> rotate_master(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body,
             Body::open(request,
                        {"newKey",
                         "newPassphrase",
                         "provider",
                         "filePath",
                         "envVar",
                         "credentialName",
                         "keyDescription",
                         "keychainService",
                         "keychainAccount"}));
  vault::NewMaster wanted;
  TRY_ASSIGN(wanted.key, body.secret("newKey"));
  TRY_ASSIGN(wanted.passphrase, body.secret("newPassphrase"));
  if (wanted.key && wanted.passphrase) {
    return invalid("provide only one of --new-key or --new-passphrase");
  }
  TRY_ASSIGN(const auto vault, desk.slot.get());
  wanted.default_key_file = desk.slot.options().location.default_key_file;
  if (names_a_provider(body)) {
    TRY_ASSIGN(wanted.provider, provider_choice(body, present_kind(vault->status())));
  }
  std::vector<Answer::Notice> notices;
  if (wanted.passphrase) {
    TRY(check_new_passphrase(*wanted.passphrase));
    if (auto weak = weakness_of(*wanted.passphrase)) notices.push_back(std::move(*weak));
  }
  TRY_ASSIGN(auto rotated, vault->rotate_master(std::move(wanted), who(request)));
  for (auto& text : rotated.notices) notices.push_back(notice(std::move(text)));
  // A private child takes the key with it when it ends.
  const bool is_passphrase = rotated.status.provider_type == "passphrase";
  if (is_passphrase && desk.facts.private_child) rotated.status.locked = true;
  return changed(shape(to_json(rotated.status)), std::move(notices));
}

Result<Answer> recover_vault(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"accept", "passphrase"}));
  TRY_ASSIGN(const bool accept, body.flag("accept"));
  TRY_ASSIGN(const auto passphrase, body.secret("passphrase"));
  desk.slot.close();  // It needs the vault for itself.
  TRY_ASSIGN(
      const auto recovery,
      vault::Vault::recover(desk.slot.options(),
                            passphrase ? &*passphrase : nullptr,
                            accept ? vault::Acceptance::accepted : vault::Acceptance::dry_run,
                            who(request)));
  return changed(ad_hoc(to_json(recovery)));
}

}  // namespace aivault::admin
