#include "admin/provider_choice.h"

#include <algorithm>
#include <array>
#include <string>

#include "admin/shapes.h"
#include "base/text.h"
#include "vault/key_provider.h"

namespace aivault::admin {
namespace {

using vault::ProviderChoice;
using Kind = ProviderChoice::Kind;

struct Flag {
  std::string_view key, name;
  Kind kind;
  std::string ProviderChoice::* target;
};
constexpr std::array<Flag, 6> kFlags = {{
    {"filePath", "--file-path", Kind::file, &ProviderChoice::file_path},
    {"envVar", "--env-var", Kind::env, &ProviderChoice::env_var},
    {"credentialName", "--credential-name", Kind::systemd_creds, &ProviderChoice::credential_name},
    {"keyDescription", "--key-description", Kind::keyring, &ProviderChoice::key_description},
    {"keychainService",
     "--keychain-service",
     Kind::macos_keychain,
     &ProviderChoice::keychain_service},
    {"keychainAccount",
     "--keychain-account",
     Kind::macos_keychain,
     &ProviderChoice::keychain_account},
}};

tl::unexpected<Error> invalid(std::string sentence) {
  return invalid_request("record_invalid", std::move(sentence));
}

}  // namespace

Result<ProviderChoice> provider_choice(const Body& body, Kind otherwise) {
  ProviderChoice choice;
  choice.kind = otherwise;
  TRY_ASSIGN(const auto named, body.text("provider"));
  if (named) {
    const auto kind = vault::provider_kind(*named);
    if (!kind) return invalid("unknown key provider '" + quote_for_message(*named) + "'");
    choice.kind = *kind;
  }
  for (const auto& flag : kFlags) {
    TRY_ASSIGN(auto text, body.text(flag.key));
    if (!text) continue;
    if (flag.kind != choice.kind) {
      return invalid(std::string(flag.name) + " does not belong to --provider " +
                     std::string(vault::option_of(choice.kind)));
    }
    if (text->empty()) return invalid(std::string(flag.name) + " must not be empty");
    choice.*flag.target = std::move(*text);
  }
  if (!choice.file_path.empty() && !choice.file_path.starts_with('/')) {
    return invalid("'filePath' must be an absolute path");
  }
  return choice;
}

Result<void> check_new_passphrase(const Secret& passphrase) {
  if (vault::flaw_of(passphrase) != vault::PassphraseFlaw::blank) return {};
  return invalid("the passphrase must not be empty or only white space");
}

std::optional<Answer::Notice> weakness_of(const Secret& passphrase) {
  if (vault::flaw_of(passphrase) == vault::PassphraseFlaw::none) return std::nullopt;
  return warning("the passphrase has fewer than 12 characters and may be guessed");
}

}  // namespace aivault::admin
